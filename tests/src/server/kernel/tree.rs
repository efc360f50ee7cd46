//! The file system of the kernel: a private temporary directory of the host.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rumpclient::Errno;
use rustix::fs::{AtFlags, FileType as HostType, Mode, OFlags, Stat, openat, statat};
use tempfile::TempDir;

use super::attributes::{AttributeTable, Attributes, NewFile, Record, Want};
use super::directory::Directory;
use super::fifo::Fifos;
use super::file::{Access, Object, RegularFile};
use super::namei::{self, Follow, Guide, Place, Standing, Viewer, is_directory};
use super::process::Credentials;
use super::status::{DeviceNumber, FileStatus, FileType};
use super::{Inode, Lwp, Result};

/// The kernel's files. Clients reach nothing outside, and the directory goes with the server.
pub(crate) struct Tree {
    root: Arc<OwnedFd>,
    /// Where local sockets are bound before they get their names; not reachable for clients.
    sockets: OwnedFd,
    attributes: AttributeTable,
    fifos: Arc<Fifos>,
    _folder: TempDir,
}

/// How open(2) opens a file that exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenHow {
    pub(crate) access: Access,
    pub(crate) truncate: bool,
    /// O_APPEND and the like, for the host.
    pub(crate) host_flags: OFlags,
}

impl OpenHow {
    fn wants(self) -> impl Iterator<Item = Want> {
        let read = self.access.read.then_some(Want::Read);
        let write = (self.access.write || self.truncate).then_some(Want::Write);
        [read, write].into_iter().flatten()
    }
}

impl Tree {
    /// Makes a tree with `/dev` and `/tmp` in a fresh directory under `parent`.
    pub(crate) fn new(parent: Option<&Path>) -> std::io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("rump-testserver-");
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent)?,
            None => builder.tempdir()?,
        };
        let open = |name| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path)?;
            Ok::<_, std::io::Error>(namei::open_root(&path)?)
        };
        let tree = Self {
            root: Arc::new(open("root")?),
            sockets: open("sockets")?,
            attributes: AttributeTable::default(),
            fifos: Arc::default(),
            _folder: folder,
        };
        tree.populate().map_err(|failure| std::io::Error::from(failure.0))?;
        Ok(tree)
    }

    fn populate(&self) -> Result<()> {
        let viewer = Viewer { standing: self.standing(), credentials: Credentials::default() };
        let place = |path: &[u8]| self.lookup(&viewer, None, path, Follow::No);
        self.record(place(b"/")?.existing()?).lock().set_permissions(0o755);
        self.make_directory(&place(b"/tmp")?, 0o1777)?;
        self.make_directory(&place(b"/dev")?, 0o755)?;
        let device = |special| NewFile { special, ..NewFile::new(FileType::Character, 0o666) };
        self.make_device(&place(b"/dev/null")?, device(DeviceNumber::NULL))?;
        self.make_device(&place(b"/dev/zero")?, device(DeviceNumber::ZERO))
    }

    /// Where a new process stands.
    pub(crate) fn standing(&self) -> Standing {
        Standing { root: Arc::clone(&self.root), cwd: Arc::clone(&self.root), umask: 0o022 }
    }

    pub(crate) fn sockets(&self) -> &OwnedFd {
        &self.sockets
    }

    /// Finds `path`, from `start` or else the working directory if it is relative.
    ///
    /// # Errors
    /// As for [`Guide::lookup`].
    pub(crate) fn lookup(
        &self,
        viewer: &Viewer,
        start: Option<&Arc<OwnedFd>>,
        path: &[u8],
        follow: Follow,
    ) -> Result<Place> {
        let search = |directory: &OwnedFd| {
            if viewer.credentials.is_root() {
                return Ok(());
            }
            let host = rustix::fs::fstat(directory)?;
            self.check(&viewer.credentials, &host, Want::Execute)
        };
        let guide = Guide { kernel_root: &self.root, viewer, search: &search };
        guide.lookup(start.unwrap_or(&viewer.standing.cwd), path, follow)
    }

    /// Checks that somebody may do something with a file.
    fn check(&self, who: &Credentials, host: &Stat, want: Want) -> Result<()> {
        self.record(host).lock().check(who, want)
    }

    /// Checks that an entry may be added to the directory, or removed from it.
    fn check_directory(&self, place: &Place) -> Result<()> {
        if place.credentials.is_root() {
            return Ok(());
        }
        let directory = rustix::fs::fstat(&place.directory)?;
        self.check(&place.credentials, &directory, Want::Write)
    }

    /// Checks that an entry that is there may be removed. From a sticky directory only its owner,
    /// or the directory's, may do that.
    fn check_removal(&self, place: &Place) -> Result<()> {
        self.check_directory(place)?;
        let directory = rustix::fs::fstat(&place.directory)?;
        let directory = *self.record(&directory).lock();
        let entry = *self.record(place.existing()?).lock();
        let owns = |attributes: &Attributes| attributes.check_owner(&place.credentials);
        match directory.is_sticky() {
            true => owns(&directory).or_else(|_| owns(&entry)),
            false => Ok(()),
        }
    }

    /// Enters the directory at `place`, to work there.
    ///
    /// # Errors
    /// EACCES, and as for [`Place::enter`].
    pub(crate) fn enter(&self, place: &Place) -> Result<Arc<OwnedFd>> {
        let directory = place.enter()?;
        self.check(&place.credentials, place.existing()?, Want::Execute)?;
        Ok(directory)
    }

    /// The path of a directory as a process sees it: from its root down.
    ///
    /// # Errors
    /// ENOENT when the directory has been removed, or is not below the root.
    pub(crate) fn path_of(&self, standing: &Standing, directory: &Arc<OwnedFd>) -> Result<Vec<u8>> {
        let mut path = Vec::new();
        let mut directory = Arc::clone(directory);
        while !namei::same_file(&directory, &standing.root)? {
            if namei::same_file(&directory, &self.root)? {
                return Err(Errno::ENOENT.into());
            }
            let own = Inode::from(&rustix::fs::fstat(&directory)?);
            let parent = Arc::new(namei::open_parent(&directory)?);
            let name = namei::name_of(&parent, own)?;
            path.splice(0..0, [&b"/"[..], &name].concat());
            directory = parent;
        }
        Ok(if path.is_empty() { b"/".to_vec() } else { path })
    }

    /// The path of an open file as a process sees it; of several names, the one it was opened by.
    ///
    /// # Errors
    /// ENOENT when the file has been removed, or is not below the process's root.
    pub(crate) fn path_of_file(&self, standing: &Standing, file: &OwnedFd) -> Result<Vec<u8>> {
        if rustix::fs::fstat(file)?.st_nlink == 0 {
            return Err(Errno::ENOENT.into());
        }
        let (path, root) = (host_path(file)?, host_path(&standing.root)?);
        match path.strip_prefix(root.as_slice()) {
            Some([]) => Ok(b"/".to_vec()),
            Some(path @ [b'/', ..]) => Ok(path.to_vec()),
            _ => Err(Errno::ENOENT.into()),
        }
    }

    /// What is noted of an existing file.
    pub(crate) fn record(&self, host: &Stat) -> Record {
        self.attributes.get(host)
    }

    /// The status of an existing file.
    pub(crate) fn status(&self, host: &Stat) -> FileStatus {
        self.record(host).lock().apply(host)
    }

    /// mkdir(2).
    pub(crate) fn make_directory(&self, place: &Place, mode: u32) -> Result<()> {
        if place.found.is_some() {
            return Err(Errno::EEXIST.into());
        }
        self.check_directory(place)?;
        rustix::fs::mkdirat(&place.directory, &place.name, Mode::RWXU)?;
        self.note_new(place, NewFile::new(FileType::Directory, mode))
    }

    /// mkfifo(2).
    pub(crate) fn make_fifo(&self, place: &Place, mode: u32) -> Result<()> {
        place.vacant()?;
        self.check_directory(place)?;
        let owner = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(&place.directory, &place.name, HostType::Fifo, owner, 0)?;
        self.note_new(place, NewFile::new(FileType::Fifo, mode))
    }

    /// mknod(2) for devices: regular files to the host.
    pub(crate) fn make_device(&self, place: &Place, device: NewFile) -> Result<()> {
        if !place.credentials.is_root() {
            return Err(Errno::EPERM.into());
        }
        place.vacant()?;
        self.create_host_file(place)?;
        self.note_new(place, device)
    }

    /// symlink(2).
    pub(crate) fn make_symlink(&self, place: &Place, target: &[u8]) -> Result<()> {
        place.vacant()?;
        self.check_directory(place)?;
        rustix::fs::symlinkat(target, &place.directory, &place.name)?;
        self.note_new(place, NewFile::new(FileType::Symlink, 0o755))
    }

    /// Names a local socket that was bound under `hidden` in [`sockets`](Self::sockets).
    ///
    /// # Errors
    /// EADDRINUSE when the name is taken.
    pub(crate) fn name_socket(&self, hidden: &str, place: &Place, mode: u32) -> Result<()> {
        let (directory, name) = (&place.directory, &place.name);
        let linked = rustix::fs::linkat(&self.sockets, hidden, directory, name, AtFlags::empty());
        rustix::fs::unlinkat(&self.sockets, hidden, AtFlags::empty())?;
        match linked {
            Err(rustix::io::Errno::EXIST) => Err(Errno::EADDRINUSE.into()),
            Err(error) => Err(error.into()),
            Ok(()) => self.note_new(place, NewFile::new(FileType::Socket, mode)),
        }
    }

    /// Checks that a local socket may be bound to a name.
    ///
    /// # Errors
    /// EADDRINUSE when the name is taken, EACCES.
    pub(crate) fn check_socket_name(&self, place: &Place) -> Result<()> {
        if place.found.is_some() {
            return Err(Errno::EADDRINUSE.into());
        }
        self.check_directory(place)
    }

    /// Checks that what is at `place` is a local socket, and open to the caller.
    ///
    /// # Errors
    /// ENOENT, ENOTSOCK, EACCES.
    pub(crate) fn check_socket(&self, place: &Place) -> Result<()> {
        let host = place.existing()?;
        if self.status(host).file_type() != Some(FileType::Socket) {
            return Err(Errno::ENOTSOCK.into());
        }
        self.check(&place.credentials, host, Want::Write)
    }

    /// Creates a regular file and opens it.
    ///
    /// # Errors
    /// EEXIST when somebody else was faster, and the host's errors.
    pub(crate) fn create(&self, place: &Place, mode: u32, host_flags: OFlags) -> Result<Object> {
        place.vacant()?;
        self.check_directory(place)?;
        let file = self.create_host_file(place)?;
        rustix::fs::fcntl_setfl(&file, host_flags)?;
        self.note_new(place, NewFile::new(FileType::Regular, mode))?;
        let host = rustix::fs::fstat(&file)?;
        let record = self.record(&host);
        Ok(Object::Regular(RegularFile::new(file, &host, record)))
    }

    fn create_host_file(&self, place: &Place) -> Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(openat(&place.directory, &place.name, flags, mode)?)
    }

    /// Notes what has just been made at `place`. It belongs to its maker, and to the group of the
    /// directory.
    fn note_new(&self, place: &Place, new: NewFile) -> Result<()> {
        let host = statat(&place.directory, &place.name, AtFlags::SYMLINK_NOFOLLOW)?;
        let directory = rustix::fs::fstat(&place.directory)?;
        let gid = self.record(&directory).lock().gid;
        let uid = place.credentials.euid;
        let attributes = Attributes::new(&host, new, uid, gid);
        self.attributes.create(&host, attributes);
        Ok(())
    }

    /// Opens an existing file. A FIFO waits for its other side if `lwp` is given.
    ///
    /// # Errors
    /// EISDIR for writing to a directory, EOPNOTSUPP for a socket, ENXIO for a device that is not
    /// there, as for [`Fifos::open`], and the host's errors.
    pub(crate) fn open(
        &self,
        place: &Place,
        how: OpenHow,
        lwp: Option<&Lwp<'_>>,
    ) -> Result<Object> {
        let host = place.existing()?;
        let record = self.record(host);
        let attributes = *record.lock();
        how.wants().try_for_each(|want| attributes.check(&place.credentials, want))?;
        match attributes.file_type() {
            Some(FileType::Directory) if how.access.write => Err(Errno::EISDIR.into()),
            Some(FileType::Directory) => self.open_directory(place, record),
            Some(FileType::Regular) => open_regular(place, how, record),
            Some(FileType::Fifo) => {
                Ok(Object::Fifo(self.fifos.open(place, how.access, lwp)?, record))
            }
            Some(FileType::Character) => match attributes.special() {
                DeviceNumber::NULL => Ok(Object::Null(record)),
                DeviceNumber::ZERO => Ok(Object::Zero(record)),
                _ => Err(Errno::ENXIO.into()),
            },
            Some(FileType::Socket) => Err(Errno::EOPNOTSUPP.into()),
            Some(FileType::Symlink) => Err(Errno::EFTYPE.into()),
            Some(FileType::Block) | None => Err(Errno::ENXIO.into()),
        }
    }

    fn open_directory(&self, place: &Place, record: Record) -> Result<Object> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&place.directory, &place.name, flags, Mode::empty())?;
        let is_root = namei::same_file(&fd, &self.root)?;
        Ok(Object::Directory(Directory::new(fd, record, is_root)))
    }

    /// link(2).
    pub(crate) fn link(&self, from: &Place, to: &Place) -> Result<()> {
        if is_directory(from.existing()?) {
            return Err(Errno::EPERM.into());
        }
        to.vacant()?;
        self.check_directory(to)?;
        let (old, new) = ((&from.directory, &from.name), (&to.directory, &to.name));
        Ok(rustix::fs::linkat(old.0, old.1, new.0, new.1, AtFlags::empty())?)
    }

    /// unlink(2).
    pub(crate) fn unlink(&self, place: &Place) -> Result<()> {
        let host = place.existing()?;
        if is_directory(host) {
            return Err(Errno::EPERM.into());
        }
        self.check_removal(place)?;
        rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::empty())?;
        self.forget_name(host);
        Ok(())
    }

    /// rmdir(2).
    pub(crate) fn remove_directory(&self, place: &Place) -> Result<()> {
        let host = place.existing()?;
        self.check_removal(place)?;
        rustix::fs::unlinkat(&place.directory, &place.name, AtFlags::REMOVEDIR)?;
        self.forget_name(host);
        Ok(())
    }

    /// rename(2), after which the file has lost a name if both led to it.
    pub(crate) fn rename(&self, from: &Place, to: &Place) -> Result<()> {
        let same_name = from.name == to.name && namei::same_file(&from.directory, &to.directory)?;
        match &to.found {
            Some(other) if Inode::from(other) == Inode::from(from.existing()?) && !same_name => {
                self.check_removal(to)?;
                self.unlink(from)
            }
            _ => self.posix_rename(from, to),
        }
    }

    /// rename(2) as POSIX has it: nothing happens if both names lead to one file.
    pub(crate) fn posix_rename(&self, from: &Place, to: &Place) -> Result<()> {
        let moved = from.existing()?;
        match (is_directory(moved), to.found.as_ref().map(is_directory)) {
            (true, Some(false)) => return Err(Errno::ENOTDIR.into()),
            (false, Some(true)) => return Err(Errno::EISDIR.into()),
            (false, None) if to.slash => return Err(Errno::ENOTDIR.into()),
            _ => {}
        }
        self.check_removal(from)?;
        match &to.found {
            Some(_) => self.check_removal(to)?,
            None => self.check_directory(to)?,
        }
        let (old, new) = ((&from.directory, &from.name), (&to.directory, &to.name));
        rustix::fs::renameat(old.0, old.1, new.0, new.1)?;
        match &to.found {
            Some(replaced) if Inode::from(replaced) != Inode::from(moved) => {
                self.forget_name(replaced);
            }
            _ => {}
        }
        Ok(())
    }

    /// Drops what is noted of a file if it has just lost its last name.
    fn forget_name(&self, host: &Stat) {
        if is_directory(host) || host.st_nlink == 1 {
            self.attributes.forget(host);
        }
    }
}

fn open_regular(place: &Place, how: OpenHow, record: Record) -> Result<Object> {
    // The host file is always opened for both; what the client may do is checked here.
    let mut flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | how.host_flags;
    if how.truncate {
        flags |= OFlags::TRUNC;
    }
    let fd = openat(&place.directory, &place.name, flags, Mode::empty())?;
    let host = rustix::fs::fstat(&fd)?;
    Ok(Object::Regular(RegularFile::new(fd, &host, record)))
}

/// Where a file is on the host.
fn host_path(file: &OwnedFd) -> Result<Vec<u8>> {
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::readlink(link, Vec::new())?.into_bytes())
}
