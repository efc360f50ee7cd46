//! Compares what this module defines with figures that NetBSD's own headers gave when compiled:
//! `../shared/reference/consts.tsv` and `layouts.txt`, where they are present.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_ulong};
use std::path::Path;

use super::*;

/// Name, value and width in bits of a constant.
pub(super) type Constant = (&'static str, i128, usize);

/// A struct; sizes and offsets are those of LP64 and of i386.
pub(super) struct Layout {
    pub(super) name: &'static str,
    pub(super) size: [usize; 2],
    pub(super) fields: &'static [Field],
}

/// A field; `size` is that on the machine that runs the test.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) offset: [usize; 2],
    pub(super) size: usize,
}

/// Bytes of the field that a function selects.
pub(super) const fn field_size<T, F>(_select: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// All constants, as their files list them.
fn constants() -> BTreeMap<&'static str, (i128, usize)> {
    let tables = [
        aio::TABLE,
        cmsg::TABLE,
        dirent_::TABLE,
        errno::TABLE,
        event::TABLE,
        extattr::TABLE,
        fcntl::TABLE,
        idtype::TABLE,
        in_::TABLE,
        ioctl::TABLE,
        mman::TABLE,
        mount::TABLE,
        net_if::TABLE,
        poll::TABLE,
        quota::TABLE,
        random::TABLE,
        reboot::TABLE,
        resource::TABLE,
        select::TABLE,
        signal::header::TABLE,
        signal::number::TABLE,
        socket::TABLE,
        stat_::TABLE,
        sysctl::TABLE,
        termios::TABLE,
        time::TABLE,
        un::TABLE,
        unistd::TABLE,
        wait::TABLE,
    ];
    tables.concat().into_iter().map(|(name, value, bits)| (name, (value, bits))).collect()
}

/// All structs, as their files list them.
fn layouts() -> BTreeMap<&'static str, &'static Layout> {
    let tables = [
        aio::LAYOUTS,
        cmsg::LAYOUTS,
        compat::LAYOUTS,
        dirent_::LAYOUTS,
        event::LAYOUTS,
        fcntl::LAYOUTS,
        in_::LAYOUTS,
        mount::LAYOUTS,
        mqueue::LAYOUTS,
        net_if::LAYOUTS,
        poll::LAYOUTS,
        quota::LAYOUTS,
        resource::LAYOUTS,
        select::LAYOUTS,
        signal::header::LAYOUTS,
        socket::LAYOUTS,
        stat_::LAYOUTS,
        termios::LAYOUTS,
        time::LAYOUTS,
        types::LAYOUTS,
        uio::LAYOUTS,
        un::LAYOUTS,
    ];
    tables.into_iter().flatten().map(|layout| (layout.name, layout)).collect()
}

/// A file of the reference; `None`, with a word on it, where it is absent.
fn reference(file: &str) -> Option<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference");
    let path = Path::new(folder).join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: no {}", path.display());
    }
    text
}

/// A row of `consts.tsv`.
struct Row<'a> {
    group: &'a str,
    name: &'a str,
    netbsd: i128,
    linux: Option<c_int>,
}

fn rows(tsv: &str) -> Vec<Row<'_>> {
    tsv.lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            Row {
                group: columns[0],
                name: columns[1],
                netbsd: columns[2].parse().expect(line),
                linux: columns[4].parse().ok(),
            }
        })
        .collect()
}

/// Constants that tell sizes of structures with pointers in them.
const OF_POINTER_SIZE: [&str; 3] = ["KFILTER_BYFILTER", "KFILTER_BYNAME", "__CMSG_ASIZE"];

/// C's constants have the type that the header happens to give them and ours the type of the
/// parameter they are for: equal are those with equal bits.
#[test]
fn every_constant_has_netbsds_value() {
    let Some(tsv) = reference("consts.tsv") else {
        return;
    };
    let ours = constants();
    let mut wrong = Vec::new();
    for row in rows(&tsv) {
        match ours.get(row.name) {
            Some((value, bits)) if (value ^ row.netbsd) & ((1 << bits) - 1) == 0 => {}
            // The file's figures are those of a 64-bit machine.
            Some(_) if OF_POINTER_SIZE.contains(&row.name) && size_of::<usize>() == 4 => {}
            other => wrong.push(format!("{}: {} not {other:?}", row.name, row.netbsd)),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn errors_and_signals_translate_as_the_reference_says() {
    let Some(tsv) = reference("consts.tsv") else {
        return;
    };
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return println!("skipped: the reference has the numbers of x86_64 Linux only");
    }
    for row in rows(&tsv) {
        let number = c_int::try_from(row.netbsd).unwrap_or_default();
        match row.group {
            "errno" if row.name != "ELAST" => {
                assert_eq!(Errno::from_raw(number).to_host(), row.linux, "{}", row.name);
            }
            "signal" if row.name.starts_with("SIG") && signal_name(number) == Some(row.name) => {
                assert_eq!(signal::to_host(number), row.linux, "{}", row.name);
            }
            _ => {}
        }
    }
}

/// A struct of `layouts.txt`: its name, its size, and its fields' names, offsets and sizes.
struct Facts<'a> {
    name: &'a str,
    size: [usize; 2],
    fields: Vec<(&'a str, [usize; 2], [usize; 2])>,
}

/// Reads `stat: size 152/124` and, below it, `   dev_t st_dev @0+8 / @0+8`.
fn structs(text: &str) -> Vec<Facts<'_>> {
    let pair = |a: &str, b: &str| [a.parse().expect(a), b.parse().expect(b)];
    let mut structs: Vec<Facts<'_>> = Vec::new();
    for line in text.lines() {
        if let Some((name, size)) = line.split_once(": size ") {
            let (lp64, i386) = size.split_once('/').expect(line);
            structs.push(Facts { name, size: pair(lp64, i386), fields: Vec::new() });
        } else {
            let (declaration, figures) = line.split_once(" @").expect(line);
            let (lp64, i386) = figures.split_once(" / @").expect(line);
            let (offset, size) = lp64.split_once('+').expect(line);
            let (offset32, size32) = i386.split_once('+').expect(line);
            let field = (field_name(declaration), pair(offset, offset32), pair(size, size32));
            structs.last_mut().expect(line).fields.push(field);
        }
    }
    structs
}

/// The name that a declaration in C declares, or ours of the unions, which have one name here.
fn field_name(declaration: &str) -> &str {
    if let Some((_, function)) = declaration.split_once("(*") {
        return function.split(')').next().unwrap_or_default();
    }
    let name = declaration.rsplit([' ', '*']).next().unwrap_or_default();
    match name.split('[').next().unwrap_or_default() {
        "_sa_u" => "sa_handler",
        "u" => "qc_args",
        name => name,
    }
}

#[test]
fn every_struct_has_netbsds_layout() {
    let Some(text) = reference("layouts.txt") else {
        return;
    };
    let ours = layouts();
    let abi = usize::from(cfg!(target_pointer_width = "32"));
    for facts in structs(&text) {
        let name = facts.name;
        let layout = ours.get(name).or_else(|| ours.get(format!("{name}_t").as_str()));
        let layout = layout.unwrap_or_else(|| panic!("no struct {name}"));
        assert_eq!(layout.size, facts.size, "size of {name}");
        if facts.fields.is_empty() {
            continue; // a union
        }
        let names = layout.fields.iter().map(|field| field.name);
        assert!(names.eq(facts.fields.iter().map(|&(name, ..)| name)), "fields of {name}");
        for (field, (_, offset, size)) in layout.fields.iter().zip(facts.fields) {
            assert_eq!(field.offset, offset, "offset of {name}.{}", field.name);
            assert_eq!(field.size, size[abi], "size of {name}.{}", field.name);
        }
    }
}

#[test]
fn ioctl_codes_follow_from_direction_and_size() {
    let codes: [(c_ulong, c_ulong); 9] = [
        (FIOCLEX, 0x2000_6601),
        (FIONREAD, 0x4004_667f),
        (FIONBIO, 0x8004_667e),
        (TIOCGWINSZ, 0x4008_7468),
        (TIOCGETA, 0x402c_7413),
        (SIOCSIFADDR, 0x8090_690c),
        (SIOCGIFFLAGS, 0xc090_6911),
        (SIOCAIFADDR, 0x8040_691a),
        (SIOCAIFADDR_IN6, 0x8080_696b),
    ];
    for (ours, netbsds) in codes {
        assert_eq!(ours, netbsds, "{ours:#x} {netbsds:#x}");
    }
    assert_eq!((ioc_dir(FIOCLEX), ioc_len(FIOCLEX)), (IocDir::Void, 0));
    assert_eq!((ioc_dir(FIONREAD), ioc_len(FIONREAD)), (IocDir::Out, 4));
    assert_eq!((ioc_dir(FIONBIO), ioc_len(FIONBIO)), (IocDir::In, 4));
    assert_eq!((ioc_dir(SIOCGIFFLAGS), ioc_len(SIOCGIFFLAGS)), (IocDir::InOut, 144));
    assert_eq!(ioc_len(c_ulong::MAX), 8191);
}
