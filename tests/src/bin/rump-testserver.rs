//! `rump-testserver`: the test server as a program, used as `rump_server(1)` is.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use rumpclient_tests::server::{BannerFault, Options, Release, TestServer};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const USAGE: &str = "\
usage: rump-testserver [-s] [option ...] URL

Serves NetBSD system calls out of this host, for tests and for trying things out.
URL is unix://PATH, tcp://ADDRESS:PORT or tcp6://[ADDRESS]:PORT; port 0 takes a
free one. When the server accepts clients, its URL is printed to standard output.
It ends on SIGTERM, SIGINT, SIGHUP, or when a client calls reboot(2).

  -s                        stay in the foreground
  --release RELEASE         appear as this NetBSD release; 11.0 and 7.99.34 also
                            lack the calls that those kernels lack
  --banner TEXT             say this in place of the banner, with a newline
  --banner-delay MILLIS     say the banner this late
  --mute-banner             never say it
  --mute-handshake          never answer a handshake
  --close-after-frames N    close each connection after so many frames";

/// What the command line says.
#[derive(Default)]
struct Settings {
    url: Option<String>,
    foreground: bool,
    options: Options,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let settings = match parse(&arguments) {
        Ok(settings) => settings,
        Err(problem) => {
            eprintln!("rump-testserver: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Settings { url: Some(url), foreground, options } = settings else {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    let result = if foreground { serve(&url, options) } else { detach(&arguments) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rump-testserver: {url}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line. Without a URL it asks for help.
fn parse(arguments: &[OsString]) -> Result<Settings, String> {
    let mut settings = Settings::default();
    settings.options.console = true;
    let text = |argument: &OsString| {
        let text = argument.to_str().map(str::to_owned);
        text.ok_or_else(|| format!("{}: not a text", argument.display()))
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let argument = text(argument)?;
        let mut value = || {
            let value =
                arguments.next().ok_or_else(|| format!("{argument}: a value is missing"))?;
            text(value)
        };
        let Options { release, banner, faults, .. } = &mut settings.options;
        match argument.as_str() {
            "-s" => settings.foreground = true,
            "-h" | "--help" => return Ok(Settings::default()),
            "--release" => *release = release_named(&value()?),
            "--banner" => *banner = Some(format!("{}\n", value()?).into_bytes()),
            "--banner-delay" => {
                let delay = Duration::from_millis(number(&argument, &value()?)?);
                faults.banner = BannerFault::Delay(delay);
            }
            "--mute-banner" => faults.banner = BannerFault::Never,
            "--mute-handshake" => faults.mute_handshake = true,
            "--close-after-frames" => {
                faults.close_after_frames = Some(number(&argument, &value()?)?);
            }
            option if option.starts_with('-') => return Err(format!("{option}: no such option")),
            _ if settings.url.is_some() => return Err(format!("{argument}: more than one URL")),
            _ => settings.url = Some(argument),
        }
    }
    match settings.url {
        Some(_) => Ok(settings),
        None => Err("the URL is missing".into()),
    }
}

fn release_named(name: &str) -> Release {
    [Release::netbsd_11(), Release::netbsd_2016()]
        .into_iter()
        .find(|release| release.osrelease == name)
        .unwrap_or_else(|| Release::named(name))
}

fn number(option: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{option}: \"{text}\" is not a number"))
}

/// Serves until a signal or a client ends it.
fn serve(url: &str, options: Options) -> io::Result<()> {
    const FOREVER: Duration = Duration::MAX;
    let server = TestServer::start(url, options)?;
    let (mut wake, notify) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, notify.try_clone()?)?;
    }
    announce(server.url());
    thread::scope(|scope| {
        scope.spawn(|| {
            server.wait_until_stopped(FOREVER);
            // Wakes the other side, unless a signal has done so.
            let _ = (&notify).write_all(b"x");
        });
        let woken = wake.read_exact(&mut [0]);
        server.stop();
        woken
    })
}

/// Tells whoever waits for it; nobody has to.
fn announce(url: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{url}").and_then(|()| stdout.flush());
}

/// Starts the server in the background, and ends when it accepts clients.
fn detach(arguments: &[OsString]) -> io::Result<()> {
    let mut server = Command::new(std::env::current_exe()?)
        .arg("-s")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let mut url = String::new();
    if let Some(stdout) = server.stdout.take() {
        BufReader::new(stdout).read_line(&mut url)?;
    }
    if url.is_empty() {
        // It has said why.
        server.wait()?;
        return Err(io::Error::other("the server did not start"));
    }
    announce(url.trim_end());
    Ok(())
}
