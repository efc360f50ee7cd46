//! Finding files by name, inside the private root.
//!
//! Paths are walked here, one component at a time, and never handed to the host, so that neither
//! `..` nor a symbolic link leads out, whatever the clients change meanwhile.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rumpclient::Errno;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};

use super::process::Credentials;
use super::{Inode, Result};

/// Longest path, its NUL included (`PATH_MAX`), bytes.
pub(crate) const PATH_MAX: usize = 1024;

/// Longest file name that the host takes, bytes.
pub(crate) const NAME_MAX: usize = 255;

/// Most symbolic links on the way of a path (`MAXSYMLINKS`).
const SYMLINKS_MAX: usize = 32;

/// How directories are held that paths are walked through.
const PASSAGE: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Where a process stands in the file system.
#[derive(Clone)]
pub(crate) struct Standing {
    /// What `/` means.
    pub(crate) root: Arc<OwnedFd>,
    /// The working directory.
    pub(crate) cwd: Arc<OwnedFd>,
    /// The permissions that new files do not get.
    pub(crate) umask: u32,
}

/// Who looks for a file, and from where.
#[derive(Clone)]
pub(crate) struct Viewer {
    pub(crate) standing: Standing,
    pub(crate) credentials: Credentials,
}

/// The end of a path: an entry in a directory, whether or not there is one of that name.
pub(crate) struct Place {
    pub(crate) directory: Arc<OwnedFd>,
    /// One component; `.` when the path ends in the directory itself.
    pub(crate) name: CString,
    /// What is there.
    pub(crate) found: Option<Stat>,
    /// The path ends in a slash: it can only be a directory.
    pub(crate) slash: bool,
    /// Who has come here.
    pub(crate) credentials: Credentials,
}

impl Place {
    /// What is there.
    ///
    /// # Errors
    /// ENOENT when nothing is.
    pub(crate) fn existing(&self) -> Result<&Stat> {
        self.found.as_ref().ok_or_else(|| Errno::ENOENT.into())
    }

    /// Checks that a new file can get this name.
    ///
    /// # Errors
    /// EEXIST when something has it, ENOENT when the name can only be a directory's.
    pub(crate) fn vacant(&self) -> Result<()> {
        match self.found {
            Some(_) => Err(Errno::EEXIST.into()),
            None if self.slash => Err(Errno::ENOENT.into()),
            None => Ok(()),
        }
    }

    /// The directory that is there, to walk on from.
    ///
    /// # Errors
    /// ENOENT when nothing is there, ENOTDIR when something else is.
    pub(crate) fn enter(&self) -> Result<Arc<OwnedFd>> {
        self.existing()?;
        Ok(Arc::new(openat(&self.directory, &self.name, PASSAGE, Mode::empty())?))
    }
}

/// Opens the directory at `path` of the host, to be a root.
pub(crate) fn open_root(path: &std::path::Path) -> rustix::io::Result<OwnedFd> {
    openat(rustix::fs::CWD, path, PASSAGE, Mode::empty())
}

/// Opens a directory that is held by any descriptor, to be walked from.
pub(crate) fn open_passage(directory: impl AsFd) -> rustix::io::Result<OwnedFd> {
    openat(directory, c".", PASSAGE, Mode::empty())
}

/// Opens the parent of a directory that is no root.
pub(crate) fn open_parent(directory: impl AsFd) -> rustix::io::Result<OwnedFd> {
    openat(directory, c"..", PASSAGE, Mode::empty())
}

/// The name that `directory` has for a file.
///
/// # Errors
/// ENOENT when it has none.
pub(crate) fn name_of(directory: &OwnedFd, inode: Inode) -> Result<Vec<u8>> {
    // To be read, it must be opened for that.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for entry in Dir::new(openat(directory, c".", flags, Mode::empty())?)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(host) if Inode::from(&host) == inode => return Ok(name.to_bytes().to_vec()),
            _ => {}
        }
    }
    Err(Errno::ENOENT.into())
}

/// Whether two descriptors hold the same file.
pub(crate) fn same_file(one: impl AsFd, other: impl AsFd) -> Result<bool> {
    Ok(Inode::from(&fstat(one)?) == Inode::from(&fstat(other)?))
}

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    Yes,
    No,
}

/// What a walk depends on.
pub(crate) struct Guide<'a> {
    /// Never left upwards, as little as the viewer's own root.
    pub(crate) kernel_root: &'a OwnedFd,
    pub(crate) viewer: &'a Viewer,
    /// Whether names may be looked up in a directory.
    pub(crate) search: &'a dyn Fn(&OwnedFd) -> Result<()>,
}

impl Guide<'_> {
    /// Walks `path` from `start`, or from the root if it is absolute.
    ///
    /// # Errors
    /// ENOENT for the empty path and for directories that are not there, ENOTDIR, EACCES, ELOOP,
    /// ENAMETOOLONG. That the last component is missing is no error.
    pub(crate) fn lookup(
        &self,
        start: &Arc<OwnedFd>,
        path: &[u8],
        follow: Follow,
    ) -> Result<Place> {
        if path.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let root = &self.viewer.standing.root;
        let start = match path.first() {
            None => return Err(Errno::ENOENT.into()),
            Some(b'/') => root,
            Some(_) => start,
        };
        let walk = Walk {
            guide: self,
            directory: Arc::clone(start),
            rest: path.iter().copied().collect(),
            links: 0,
        };
        walk.run(follow)
    }
}

/// A path on its way.
struct Walk<'a> {
    guide: &'a Guide<'a>,
    directory: Arc<OwnedFd>,
    /// What is still to be walked; a link's target goes in front.
    rest: VecDeque<u8>,
    links: usize,
}

/// A part of a path.
struct Component {
    name: Vec<u8>,
    /// There are slashes behind it.
    slash: bool,
    /// There is nothing else behind it.
    last: bool,
}

impl Walk<'_> {
    fn run(mut self, follow: Follow) -> Result<Place> {
        loop {
            let component = self.next_component();
            match component.name.as_slice() {
                b"" | b"." => {}
                b".." => self.ascend()?,
                _ => match self.step(&component, follow)? {
                    Some(place) => return Ok(place),
                    None => continue,
                },
            }
            if component.last {
                let found = Some(fstat(&self.directory)?);
                return Ok(self.end(c".".into(), found, component.slash));
            }
        }
    }

    /// Takes an ordinary component: into a directory, along a link, or to the end.
    fn step(&mut self, component: &Component, follow: Follow) -> Result<Option<Place>> {
        let &Component { ref name, slash, last } = component;
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let name = CString::new(name.as_slice()).map_err(|_| Errno::EINVAL)?;
        (self.guide.search)(&self.directory)?;
        let found = self.look_at(&name)?;
        let follow = !last || slash || follow == Follow::Yes;
        if follow && found.as_ref().is_some_and(is_symlink) {
            self.follow(&name, slash)?;
            return Ok(None);
        }
        if !last {
            self.descend(&name)?;
            return Ok(None);
        }
        if slash && found.as_ref().is_some_and(|host| !is_directory(host)) {
            return Err(Errno::ENOTDIR.into());
        }
        Ok(Some(self.end(name, found, slash)))
    }

    fn end(&self, name: CString, found: Option<Stat>, slash: bool) -> Place {
        let credentials = self.guide.viewer.credentials.clone();
        let directory = Arc::clone(&self.directory);
        Place { directory, name, found, slash, credentials }
    }

    /// Takes the next component off the rest, with the slashes around it.
    fn next_component(&mut self) -> Component {
        self.skip_slashes();
        let slash = self.rest.iter().position(|&byte| byte == b'/');
        let name = self.rest.drain(..slash.unwrap_or(self.rest.len())).collect();
        let slash = self.skip_slashes();
        Component { name, slash, last: self.rest.is_empty() }
    }

    fn skip_slashes(&mut self) -> bool {
        let end = self.rest.iter().position(|&byte| byte != b'/').unwrap_or(self.rest.len());
        self.rest.drain(..end).count() > 0
    }

    fn look_at(&self, name: &CStr) -> Result<Option<Stat>> {
        match statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn descend(&mut self, name: &CStr) -> Result<()> {
        self.directory = Arc::new(openat(&self.directory, name, PASSAGE, Mode::empty())?);
        Ok(())
    }

    fn ascend(&mut self) -> Result<()> {
        (self.guide.search)(&self.directory)?;
        for root in [&self.guide.viewer.standing.root, self.guide.kernel_root] {
            if same_file(&self.directory, root)? {
                return Ok(());
            }
        }
        self.descend(c"..")
    }

    /// Puts a link's target in front of the rest.
    fn follow(&mut self, name: &CStr, slash: bool) -> Result<()> {
        self.links += 1;
        if self.links > SYMLINKS_MAX {
            return Err(Errno::ELOOP.into());
        }
        let mut path = readlinkat(&self.directory, name, Vec::new())?.into_bytes();
        if path.first() == Some(&b'/') {
            self.directory = Arc::clone(&self.guide.viewer.standing.root);
        }
        if slash {
            path.push(b'/');
        }
        if path.len() + self.rest.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        path.extend(&self.rest);
        self.rest = path.into();
        Ok(())
    }
}

pub(crate) fn is_symlink(host: &Stat) -> bool {
    FileType::from_raw_mode(host.st_mode) == FileType::Symlink
}

pub(crate) fn is_directory(host: &Stat) -> bool {
    FileType::from_raw_mode(host.st_mode) == FileType::Directory
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    use super::*;

    /// A root with `dir/file`, and a secret beside it.
    fn tree() -> (tempfile::TempDir, Arc<OwnedFd>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "").unwrap();
        fs::create_dir_all(folder.path().join("root/dir/sub")).unwrap();
        fs::write(folder.path().join("root/dir/file"), "").unwrap();
        let root = Arc::new(open_root(&folder.path().join("root")).unwrap());
        (folder, root)
    }

    fn find(root: &Arc<OwnedFd>, path: &str, follow: Follow) -> Result<Place> {
        find_in(root, root, path, follow)
    }

    /// Finds a path for a process with its own root.
    fn find_in(
        kernel_root: &OwnedFd,
        root: &Arc<OwnedFd>,
        path: &str,
        follow: Follow,
    ) -> Result<Place> {
        let (root, cwd) = (Arc::clone(root), Arc::clone(root));
        let standing = Standing { root, cwd, umask: 0 };
        let viewer = &Viewer { standing, credentials: Credentials::default() };
        let guide = Guide { kernel_root, viewer, search: &|_| Ok(()) };
        guide.lookup(&viewer.standing.cwd, path.as_bytes(), follow)
    }

    fn inode(path: &Path) -> u64 {
        fs::symlink_metadata(path).unwrap().ino()
    }

    fn found(root: &Arc<OwnedFd>, path: &str) -> Option<u64> {
        find(root, path, Follow::Yes).unwrap().found.map(|host| host.st_ino)
    }

    #[test]
    fn paths_lead_where_they_should() {
        let (folder, root) = tree();
        let base = folder.path().join("root");
        let file = Some(inode(&base.join("dir/file")));
        for path in ["dir/file", "/dir/file", "//dir//.//file", "dir/../dir/sub/../file"] {
            assert_eq!(found(&root, path), file, "{path}");
        }
        for path in ["/", ".", "..", "../..", "/../dir/..", "dir/../../.."] {
            assert_eq!(found(&root, path), Some(inode(&base)), "{path}");
        }
        assert_eq!(found(&root, "/dir/new"), None);
        assert_eq!(find(&root, "", Follow::Yes).err(), Some(Errno::ENOENT.into()));
        assert_eq!(find(&root, "none/new", Follow::Yes).err(), Some(Errno::ENOENT.into()));
        for path in ["dir/file/", "dir/file/x", "dir/file/.."] {
            assert_eq!(find(&root, path, Follow::Yes).err(), Some(Errno::ENOTDIR.into()), "{path}");
        }
    }

    #[test]
    fn links_stay_inside() {
        let (folder, root) = tree();
        let base = folder.path().join("root");
        let secret = folder.path().join("secret");
        symlink("../secret", base.join("up")).unwrap();
        symlink("/secret", base.join("absolute")).unwrap();
        symlink(&secret, base.join("host")).unwrap();
        symlink("/dir/file", base.join("dir/good")).unwrap();
        symlink("/dir", base.join("dir/sub/back")).unwrap();
        for path in ["up", "absolute"] {
            assert_eq!(found(&root, path), None, "{path}");
        }
        assert_eq!(find(&root, "host", Follow::Yes).err(), Some(Errno::ENOENT.into()));
        let file = Some(inode(&base.join("dir/file")));
        assert_eq!(found(&root, "dir/good"), file);
        assert_eq!(found(&root, "dir/sub/back/file"), file);
        let link = find(&root, "dir/good", Follow::No).unwrap().found.unwrap();
        assert_eq!(link.st_ino, inode(&base.join("dir/good")));
    }

    #[test]
    fn loops_end() {
        let (folder, root) = tree();
        let base = folder.path().join("root");
        symlink("loop", base.join("loop")).unwrap();
        assert_eq!(find(&root, "loop", Follow::Yes).err(), Some(Errno::ELOOP.into()));
        assert!(find(&root, "loop", Follow::No).is_ok());
        assert_eq!(find(&root, "loop/x", Follow::No).err(), Some(Errno::ELOOP.into()));
    }

    #[test]
    fn a_process_root_is_not_left_either() {
        let (_folder, root) = tree();
        let jail = find(&root, "dir", Follow::Yes).unwrap().enter().unwrap();
        let found = |path| find_in(&root, &jail, path, Follow::Yes).unwrap().found;
        assert!(found("/../../dir").is_none());
        assert!(found("../file").is_some());
    }

    #[test]
    fn lengths_are_checked() {
        let (_folder, root) = tree();
        let long = "x".repeat(NAME_MAX + 1);
        assert_eq!(find(&root, &long, Follow::Yes).err(), Some(Errno::ENAMETOOLONG.into()));
        let long = "./".repeat(PATH_MAX / 2);
        assert_eq!(find(&root, &long, Follow::Yes).err(), Some(Errno::ENAMETOOLONG.into()));
    }
}
