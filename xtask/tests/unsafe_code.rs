//! `unsafe` is where ARCHITECTURE.md says, and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

/// The heading of the list.
const HEADING: &str = "## Where `unsafe` is";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace").to_owned()
}

/// The places on the list: files and folders, from the top of the workspace.
fn listed() -> Vec<PathBuf> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page is there");
    let (_, section) = page.split_once(HEADING).expect("the page has the list");
    let section = section.split("\n## ").next().unwrap_or(section);
    let entries = section.lines().filter_map(|line| line.strip_prefix("- `")?.split_once('`'));
    entries.map(|(path, _)| path.into()).collect()
}

/// The workspace's Rust files, from its top.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root().join(folder)).expect("the workspace can be read") {
        let name = entry.expect("the workspace can be read").file_name();
        let path = folder.join(&name);
        let hidden = name.to_string_lossy().starts_with('.') || name == "target";
        if root().join(&path).is_dir() && !hidden {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether the lint is anything but forbidden in a file.
fn is_permissive(path: &Path) -> bool {
    let text = fs::read_to_string(root().join(path)).expect("a source file is text");
    let code = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let mut attributes =
        code.filter(|line| line.starts_with('#') || line.starts_with("unsafe_code"));
    attributes.any(|line| line.contains("unsafe_code") && !line.starts_with("#![forbid("))
}

#[test]
fn unsafe_code_is_where_the_page_says() {
    let mut files = Vec::new();
    sources(Path::new(""), &mut files);
    files.retain(|path| is_permissive(path));
    let listed = listed();
    for file in &files {
        let known = listed.iter().any(|place| file.starts_with(place));
        assert!(known, "{} permits unsafe code: ARCHITECTURE.md does not", file.display());
    }
    for place in &listed {
        let used = files.iter().any(|file| file.starts_with(place));
        assert!(used, "{} has no unsafe code any more", place.display());
    }
}

/// The lint is the workspace's: a package that does not ask for it is not held to it.
#[test]
fn every_package_takes_the_workspaces_lints() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has one");
    for lint in ["unsafe_code", "undocumented_unsafe_blocks"] {
        assert!(manifest.contains(&format!("{lint} = \"deny\"")), "{lint}");
    }
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = "));
    for member in members.expect("the workspace has members").split('"').skip(1).step_by(2) {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml"))
            .expect("a member has a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true\n"), "{member}");
    }
}
