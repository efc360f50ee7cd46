//! Calls where a server could do more harm than fail.

use rumpclient::Errno;
use rumpclient::netbsd::{AF_LOCAL, O_CREAT, O_RDWR, SOCK_STREAM, SockAddr};

use super::*;

/// A kernel whose private root lies beside a secret file, and the client's idea of the way there.
fn beside_a_secret() -> (Running, TempDir, String) {
    let parent = tempfile::tempdir().unwrap();
    let secret = parent.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let root_parent = Some(parent.path().to_owned());
    let kernel = Running::new(Options { root_parent, ..Options::default() });
    (kernel, parent, secret.to_str().unwrap().to_owned())
}

#[test]
fn nothing_outside_the_private_root_is_reached() {
    let (kernel, parent, secret) = beside_a_secret();
    let mut client = kernel.client();
    let flags = (O_CREAT | O_RDWR) as usize;
    let ways =
        [secret.clone(), format!("../../../../../../../../..{secret}"), "../../secret".into()];
    for (index, way) in ways.iter().enumerate() {
        let target = client.put(0, format!("{way}\0").as_bytes());
        assert_eq!(client.call("open", &[("path", target)]), Err(Errno::ENOENT.raw()), "{way}");
        let link = client.put(2048, format!("/tmp/link{index}\0").as_bytes());
        client.get("symlink", &[("path", target), ("link", link)]);
        // Following the link creates a file inside at most.
        let _ = client.call("open", &[("path", link), ("flags", flags), ("mode", 0o600)]);
        let _ = client.call("truncate", &[("path", link)]);
        let _ = client.call("chmod", &[("path", link)]);
        let _ = client.call("unlink", &[("path", target)]);
    }
    assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 2);
}

#[test]
fn a_socket_outside_the_private_root_is_not_reached_either() {
    let (kernel, parent, _) = beside_a_secret();
    let path = parent.path().join("host-socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut client = kernel.client();
    let target = client.put(0, format!("{}\0", path.display()).as_bytes());
    let link = client.put(2048, b"/tmp/link\0");
    client.get("symlink", &[("path", target), ("link", link)]);
    let domain = ("domain", AF_LOCAL as usize);
    let fd = client.get("socket30", &[domain, ("type", SOCK_STREAM as usize)]);
    let address = SockAddr::unix("/tmp/link").unwrap();
    let name = client.put(4096, address.as_bytes());
    let connected =
        client.call("connect", &[("s", fd), ("name", name), ("namelen", address.len())]);
    assert_eq!(connected, Err(Errno::ENOENT.raw()));
    assert!(listener.accept().is_err());
}

#[test]
fn absurd_lengths_fail_at_once() {
    let kernel = server();
    let mut client = kernel.client();
    let path = client.put(0, b"/dev/null\0");
    let fd = client.get("open", &[("path", path), ("flags", O_RDWR as usize)]);
    let [_from, to] = client.call("pipe", &[]).unwrap();
    let to = to as usize;
    let absurd = isize::MAX as usize + 1;
    let invalid = Err(Errno::EINVAL.raw());
    let write = |fd, nbyte| [("fd", fd), ("buf", MEMORY), ("nbyte", nbyte)];
    assert_eq!(client.call("write", &write(fd, absurd)), invalid);
    assert_eq!(client.call("read", &write(fd, absurd)), invalid);
    assert_eq!(client.call("write", &write(fd, absurd - 1)), Ok([isize::MAX, 0]));
    let iovec = [("fd", to), ("iovp", MEMORY), ("iovcnt", 1 << 20)];
    assert_eq!(client.call("writev", &iovec), invalid);
    let fds = [("fds", MEMORY), ("nfds", 1 << 31)];
    assert_eq!(client.call("poll", &fds), invalid);
    let groups = [("gidsetsize", 1 << 30), ("gidset", MEMORY)];
    assert_eq!(client.call("setgroups", &groups), invalid);
    assert_eq!(client.call("__sysctl", &[("name", MEMORY), ("namelen", 1 << 20)]), invalid);
}
