//! A tour of a rump kernel: identity, files, a directory, a pipe, a TCP exchange, a fork. Prints
//! each call with what it returned and how long it took.
//!
//! ```text
//! RUMP_SERVER=unix:///tmp/kernel.sock cargo run -p rumpclient --example tour
//! ```

use std::error::Error;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::ExitCode;
use std::time::Instant;

use rumpclient::netbsd::{self, Errno, SockAddr};
use rumpclient::{Client, Fork};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match tour() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tour: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tour() -> Result {
    let began = Instant::now();
    let kernel = Client::from_env()?;
    println!("{:<64} {:>9.1?}", format!("connected to {}", kernel.address()), began.elapsed());
    if let Some(banner) = kernel.banner() {
        println!("  {banner}");
    }
    identity(&kernel)?;
    files(&kernel)?;
    directory(&kernel)?;
    pipe(&kernel)?;
    tcp(&kernel)?;
    fork(&kernel)
}

/// Makes a call, and prints it with its result and time.
fn step<T: Display>(
    call: impl Display,
    make: impl FnOnce() -> std::result::Result<T, Errno>,
) -> Result<T> {
    let began = Instant::now();
    let result = make();
    let took = began.elapsed();
    let shown = match &result {
        Ok(value) => format!("{call} = {value}"),
        Err(error) => format!("{call}: {error}"),
    };
    println!("  {shown:<62} {took:>9.1?}");
    Ok(result?)
}

/// For calls that return nothing.
fn zero<T>(_: T) -> i32 {
    0
}

fn identity(kernel: &Client) -> Result {
    println!("\nwho and where");
    step("getpid()", || kernel.rump_sys_getpid())?;
    step("getppid()", || kernel.rump_sys_getppid())?;
    step("getuid()", || kernel.rump_sys_getuid())?;
    for (name, mib) in [
        ("kern.ostype", [netbsd::CTL_KERN, netbsd::KERN_OSTYPE]),
        ("kern.osrelease", [netbsd::CTL_KERN, netbsd::KERN_OSRELEASE]),
    ] {
        step(format_args!("sysctl({name})"), || {
            let (mut text, mut len) = ([0; 64], 0);
            kernel.rump_sys___sysctl(&mib, Some(&mut text), Some(&mut len), None)?;
            let text = &text[..len.min(text.len())];
            Ok(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
        })?;
    }
    step("sysctl(hw.ncpu)", || {
        let (mut number, mut len) = ([0; 4], 0);
        let mib = [netbsd::CTL_HW, netbsd::HW_NCPU];
        kernel.rump_sys___sysctl(&mib, Some(&mut number), Some(&mut len), None)?;
        Ok(i32::from_ne_bytes(number))
    })?;
    Ok(())
}

fn files(kernel: &Client) -> Result {
    println!("\na file");
    const TEXT: &[u8] = b"NetBSD anywhere\n";
    let flags = netbsd::O_CREAT | netbsd::O_TRUNC | netbsd::O_RDWR;
    let fd = step("open(\"/tmp/tour\", O_CREAT | O_TRUNC | O_RDWR, 0644)", || {
        kernel.rump_sys_open(c"/tmp/tour", flags, 0o644)
    })?;
    step(format_args!("write({fd}, {} bytes)", TEXT.len()), || kernel.rump_sys_write(fd, TEXT))?;
    step(format_args!("lseek({fd}, 0, SEEK_SET)"), || {
        kernel.rump_sys_lseek(fd, 0, netbsd::SEEK_SET)
    })?;
    let mut text = [0; 64];
    let len = step(format_args!("read({fd}, 64 bytes)"), || kernel.rump_sys_read(fd, &mut text))?;
    println!("    \"{}\"", text[..len].escape_ascii());
    step(format_args!("fstat({fd}): st_size"), || {
        let mut stat = netbsd::stat::default();
        kernel.rump_sys_fstat(fd, &mut stat)?;
        Ok(stat.st_size)
    })?;
    let megabyte = vec![0x5a; 1 << 20];
    step(format_args!("pwrite({fd}, 1 MiB, 0)"), || kernel.rump_sys_pwrite(fd, &megabyte, 0))?;
    let mut back = vec![0; 1 << 20];
    step(format_args!("pread({fd}, 1 MiB, 0)"), || kernel.rump_sys_pread(fd, &mut back, 0))?;
    if back != megabyte {
        return Err("the file does not hold what was written".into());
    }
    step(format_args!("close({fd})"), || kernel.rump_sys_close(fd).map(zero))?;
    step("unlink(\"/tmp/tour\")", || kernel.rump_sys_unlink(c"/tmp/tour").map(zero))?;
    // An error is an answer too: shown, and expected.
    let again = kernel.rump_sys_open(c"/tmp/tour", netbsd::O_RDONLY, 0);
    println!("  open(\"/tmp/tour\", O_RDONLY): {}", again.expect_err("the file is gone"));
    Ok(())
}

fn directory(kernel: &Client) -> Result {
    println!("\na directory");
    step("mkdir(\"/tmp/tour.d\", 0755)", || {
        kernel.rump_sys_mkdir(c"/tmp/tour.d", 0o755).map(zero)
    })?;
    let names = [c"/tmp/tour.d/one", c"/tmp/tour.d/two", c"/tmp/tour.d/three"];
    for name in names {
        let fd = kernel.rump_sys_open(name, netbsd::O_CREAT | netbsd::O_WRONLY, 0o644)?;
        kernel.rump_sys_close(fd)?;
    }
    let fd = step("open(\"/tmp/tour.d\", O_RDONLY | O_DIRECTORY)", || {
        kernel.rump_sys_open(c"/tmp/tour.d", netbsd::O_RDONLY | netbsd::O_DIRECTORY, 0)
    })?;
    loop {
        let mut entries = [0; 4096];
        let len =
            step(format_args!("getdents({fd})"), || kernel.rump_sys_getdents(fd, &mut entries))?;
        if len == 0 {
            break;
        }
        for entry in netbsd::dirents(&entries[..len]) {
            let entry = entry?;
            println!("    {:>6}  {}", entry.fileno, entry.name.escape_ascii());
        }
    }
    kernel.rump_sys_close(fd)?;
    for name in names {
        kernel.rump_sys_unlink(name)?;
    }
    step("rmdir(\"/tmp/tour.d\")", || kernel.rump_sys_rmdir(c"/tmp/tour.d").map(zero))?;
    Ok(())
}

fn pipe(kernel: &Client) -> Result {
    println!("\na pipe");
    let began = Instant::now();
    let [from, to] = kernel.rump_sys_pipe()?;
    println!("  {:<62} {:>9.1?}", format!("pipe() = [{from}, {to}]"), began.elapsed());
    step(format_args!("write({to}, 5 bytes)"), || kernel.rump_sys_write(to, b"water"))?;
    let mut bytes = [0; 16];
    step(format_args!("read({from}, 16 bytes)"), || kernel.rump_sys_read(from, &mut bytes))?;
    kernel.rump_sys_close(from)?;
    kernel.rump_sys_close(to)?;
    Ok(())
}

fn tcp(kernel: &Client) -> Result {
    println!("\nTCP over the kernel's loopback");
    let socket = |kernel: &Client| kernel.rump_sys_socket(netbsd::AF_INET, netbsd::SOCK_STREAM, 0);
    let listener = step("socket(AF_INET, SOCK_STREAM, 0)", || socket(kernel))?;
    let any_port = SockAddr::v4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    step(format_args!("bind({listener}, 127.0.0.1:0)"), || {
        kernel.rump_sys_bind(listener, &any_port).map(zero)
    })?;
    step(format_args!("listen({listener}, 1)"), || kernel.rump_sys_listen(listener, 1).map(zero))?;
    let mut address = SockAddr::new();
    kernel.rump_sys_getsockname(listener, &mut address)?;
    let caller = socket(kernel)?;
    step(format_args!("connect({caller}, {address:?})"), || {
        kernel.rump_sys_connect(caller, &address).map(zero)
    })?;
    let mut from = SockAddr::new();
    let accepted = step(format_args!("accept({listener})"), || {
        kernel.rump_sys_accept(listener, Some(&mut from))
    })?;
    println!("    from {from:?}");
    step(format_args!("sendto({caller}, 4 bytes)"), || {
        kernel.rump_sys_sendto(caller, b"ping", 0, None)
    })?;
    let mut bytes = [0; 16];
    let len = step(format_args!("recvfrom({accepted}, 16 bytes)"), || {
        kernel.rump_sys_recvfrom(accepted, &mut bytes, 0, None)
    })?;
    println!("    \"{}\"", bytes[..len].escape_ascii());
    for fd in [listener, caller, accepted] {
        kernel.rump_sys_close(fd)?;
    }
    Ok(())
}

fn fork(kernel: &Client) -> Result {
    println!("\na fork, in the kernel and on the host");
    let [from, to] = kernel.rump_sys_pipe()?;
    let began = Instant::now();
    #[allow(unsafe_code)]
    // SAFETY: this program has one thread.
    match unsafe { kernel.fork() }? {
        Fork::Child(child) => {
            let child = child?;
            child.rump_sys_write(to, &child.rump_sys_getpid()?.to_ne_bytes())?;
            std::process::exit(0);
        }
        Fork::Parent { child } => {
            println!("  {:<62} {:>9.1?}", format!("fork() = {child} on the host"), began.elapsed());
            kernel.rump_sys_close(to)?;
            let mut pid = [0; 4];
            step(format_args!("read({from}): the child's pid in the kernel"), || {
                kernel.rump_sys_read(from, &mut pid)?;
                Ok(i32::from_ne_bytes(pid))
            })?;
            kernel.rump_sys_close(from)?;
        }
    }
    Ok(())
}
