//! Nothing is reachable that was not handed over. Each refusal is proven by what the guest got,
//! by the guest having come that far, and by the host being as it was. More of it, for every
//! language, stands in `tests/conformance/python_isolation.json` and `names.json`.

use sandcell::{Access, Mount, Outcome, Policy, Program};
use sandcell_tests::census::say;
use sandcell_tests::folders::{self, Snapshot};
use sandcell_tests::{cli, guests};
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const SECRET: &str = "CANARY-9d1f0c";

fn python(policy: Policy, code: &str) -> Outcome {
    guests::run_in(guests::python(), policy, &[], Program::code(code))
}

/// Every kind of mount of one folder.
fn mounts_of(folder: &Path) -> Vec<(&'static str, Policy)> {
    vec![
        ("read-only", Policy::new().mount(Mount::host(folder, "/d", Access::ReadOnly).unwrap())),
        ("read-write", Policy::new().mount(Mount::host(folder, "/d", Access::ReadWrite).unwrap())),
        ("overlay", Policy::new().mount(Mount::overlay(folder, "/d").unwrap())),
    ]
}

/// A folder `mount` to be mounted beside a folder `outside` with the secret.
fn mount_and_outside() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let root = folders::with_files(&[("outside/secret.txt", SECRET), ("mount/inside.txt", "inside")]);
    let (mount, outside) = (root.path().join("mount"), root.path().join("outside"));
    (root, mount, outside)
}

#[test]
fn the_environment_of_the_host_is_not_visible() {
    let mut command = cli::sandcell();
    command.env("SANDCELL_CANARY", SECRET).args(["run", "--env", "GIVEN=1", "-c"]);
    let ran = cli::run(
        command
            .arg("import os; print(sorted(os.environ), os.getenv('PATH'), open('/tmp/x', 'w').write(str(os.environ)))"),
    );
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("['GIVEN', 'HOME', 'MPLBACKEND', 'PYTHONTZPATH', 'TMPDIR'] None "),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET));

    let mut command = cli::sandcell_for_modules();
    command.env("SANDCELL_CANARY", SECRET).args([
        "run",
        "--wasm",
        "guests/wat/calls.wat",
        "--",
        "0 8 environ_sizes_get 0 load32 . 8 load32 .",
    ]);
    let ran = cli::run(command.current_dir(sandcell_tests::places::workspace()));
    assert_eq!(ran.stdout, "environ_sizes_get 0\n0\n0\n");
}

#[test]
fn no_way_to_the_network_reaches_a_listener_on_this_machine() {
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let port = tcp.local_addr().unwrap().port();
    let code = format!(
        "\
import socket, urllib.request, http.client, asyncio, ftplib, smtplib
tries = 0
def attempt(act):
    global tries
    tries += 1
    try: print('connected', act())
    except (OSError, AttributeError, RuntimeError, NotImplementedError): pass
def connect():
    s = socket.socket(); s.connect(('127.0.0.1', {port})); return s
def datagram():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', {udp})); return s
attempt(connect); attempt(datagram)
attempt(lambda: socket.create_connection(('127.0.0.1', {port}), timeout=2))
attempt(lambda: urllib.request.urlopen('http://127.0.0.1:{port}/', timeout=2))
attempt(lambda: http.client.HTTPConnection('127.0.0.1', {port}, timeout=2).request('GET', '/'))
attempt(lambda: asyncio.run(asyncio.open_connection('127.0.0.1', {port})))
attempt(lambda: ftplib.FTP().connect('127.0.0.1', {port}, 2))
attempt(lambda: smtplib.SMTP('127.0.0.1', {port}, timeout=2))
for fd in range(16):
    attempt(lambda: socket.socket(fileno=fd).send(b'x'))
print(tries)
",
        udp = udp.local_addr().unwrap().port()
    );
    let outcome = python(Policy::new(), &code);
    assert_eq!(outcome.stdout_text(), "24\n", "{}", outcome.stderr_text());
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();
    assert_eq!(tcp.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(udp.recv(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    // The listener itself works.
    std::net::TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    assert!((0..1000).any(|_| tcp.accept().is_ok() || {
        std::thread::sleep(std::time::Duration::from_millis(1));
        false
    }));
}

#[test]
fn a_symlink_out_of_the_mount_is_refused_and_the_secret_stays_unread() {
    let (root, mount, outside) = mount_and_outside();
    symlink(outside.join("secret.txt"), mount.join("absolute")).unwrap();
    symlink("../outside/secret.txt", mount.join("relative")).unwrap();
    symlink(&outside, mount.join("folder")).unwrap();
    symlink("..", mount.join("up")).unwrap();
    symlink("relative", mount.join("chained")).unwrap();
    symlink("/proc/self/root", mount.join("proc")).unwrap();
    symlink("inside.txt", mount.join("fine")).unwrap();
    let code = "\
import os
assert open('/d/fine').read() == 'inside'
refused = 0
# 44: `..` leads to the guest's own root, which has no such file. Everything else is ENOTCAPABLE or EROFS.
up = ('/d/relative', '/d/chained', '/d/up/outside/')
def allowed(path): return (44, 76, 69) if path.startswith(up) else (76, 69)
for path in ('absolute', 'relative', 'folder/secret.txt', 'up/outside/secret.txt', 'chained', 'proc/etc/passwd'):
    path = '/d/' + path
    for act in (lambda: open(path).read(), lambda: open(path, 'w'), lambda: open(path, 'a'), lambda: os.stat(path),
                lambda: os.truncate(path, 0), lambda: os.utime(path, (1, 1)), lambda: os.listdir(os.path.dirname(path) + '/' + os.path.basename(path))):
        try: print('reached', path, act())
        except OSError as error:
            assert error.errno in allowed(path), (path, error)
            refused += 1
# Beyond `up` lies the guest's own root and nothing of the host: what is made there is the guest's.
os.mkdir('/d/up/new')
assert os.path.samefile('/d/up/new', '/new') and os.path.samefile('/d/up', '/')
for path in ('folder/new', 'up/outside/new'):
    for act in (lambda: os.mkdir('/d/' + path), lambda: os.symlink('x', '/d/' + path), lambda: os.rename('/d/inside.txt', '/d/' + path),
                lambda: os.link('/d/inside.txt', '/d/' + path), lambda: open('/d/' + path, 'w')):
        try: print('made', path, act())
        except OSError as error:
            assert error.errno in allowed('/d/' + path), (path, error)
            refused += 1
print(refused)
";
    for (kind, policy) in mounts_of(&mount) {
        let before = (Snapshot::of(&outside), Snapshot::of(root.path()));
        let outcome = python(policy, code);
        assert_eq!(outcome.stdout_text(), "52\n", "{kind}: {}", outcome.stderr_text());
        assert!(!outcome.stdout_text().contains(SECRET) && !outcome.stderr_text().contains(SECRET));
        assert!(outcome.denials.iter().any(|denial| denial.name == "/d/absolute"), "{:?}", outcome.denials);
        assert_eq!(before, (Snapshot::of(&outside), Snapshot::of(root.path())), "{kind}");
        assert_eq!(fs::read(mount.join("inside.txt")).unwrap(), b"inside");
    }
}

#[test]
fn a_symlink_swapped_in_by_somebody_else_never_leads_out_of_the_mount() {
    let (_root, mount, outside) = mount_and_outside();
    fs::create_dir_all(mount.join("real/sub")).unwrap();
    fs::write(mount.join("real/secret.txt"), "inside").unwrap();
    fs::create_dir_all(outside.join("sub")).unwrap();
    symlink(&outside, mount.join("link")).unwrap();
    symlink("../outside/secret.txt", mount.join("file-link")).unwrap();
    let before = Snapshot::of(&outside);
    let code = "\
import os, time
seen, ends = set(), time.monotonic() + 1.5
while time.monotonic() < ends:
    for path in ('/d/swap/secret.txt', '/d/file'):
        try: seen.add(open(path).read())
        except OSError as error: seen.add(error.errno)
    for act in (lambda: open('/d/swap/new', 'w').close(), lambda: os.mkdir('/d/swap/made'), lambda: os.remove('/d/swap/new'),
                lambda: os.rmdir('/d/swap/made'), lambda: os.rename('/d/swap/sub', '/d/swap/bus'), lambda: os.rename('/d/swap/bus', '/d/swap/sub'),
                lambda: os.link('/d/inside.txt', '/d/swap/hard'), lambda: os.remove('/d/swap/hard'), lambda: os.utime('/d/swap/secret.txt', (1, 1))):
        try: act()
        except OSError: pass
print(sorted(map(str, seen)))
";
    for (kind, policy) in mounts_of(&mount) {
        let stop = AtomicBool::new(false);
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| swap_until(&mount, &stop));
            let outcome = python(policy, code);
            stop.store(true, Ordering::Relaxed);
            outcome
        });
        let printed = outcome.stdout_text();
        assert!(outcome.is_success(), "{kind}: {}", outcome.stderr_text());
        assert!(printed.contains("'inside'"), "{kind}: the guest never saw the real file: {printed}");
        assert!(!printed.contains(SECRET), "{kind}: {printed}");
        assert_eq!(Snapshot::of(&outside), before, "{kind}");
    }
}

/// Lets `swap` be a folder, then a link that leads out, and so on; likewise `file`.
fn swap_until(mount: &Path, stop: &AtomicBool) {
    let at = |name: &str| mount.join(name);
    fs::hard_link(at("inside.txt"), at("file-real")).unwrap();
    while !stop.load(Ordering::Relaxed) {
        for (name, real, link) in [("swap", "real", "link"), ("file", "file-real", "file-link")] {
            for source in [real, link] {
                // The guest may have changed a folder meanwhile; what counts is the next round.
                let _ = fs::rename(at(source), at(name));
                std::thread::sleep(std::time::Duration::from_micros(200));
                let _ = fs::rename(at(name), at(source));
            }
        }
    }
    fs::remove_file(at("file-real")).unwrap();
}

#[test]
fn a_folder_removed_from_the_host_during_a_run_is_an_ordinary_error() {
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let (_root, mount, _) = mount_and_outside();
        let policy = Policy::new().mount(Mount::host(&mount, "/", access).unwrap());
        let script = "quiet until_error 'inside.txt 0 openro fd fd_close again errno . loud 'inside.txt 0 openro \
                      3 1 'inside.txt 2048 path_filestat_get 3 'd path_create_directory 3 2048 fd_filestat_get \
                      3 4096 1000 0 8 fd_readdir";
        let program = Program::command().arg(script);
        let mut sandbox = guests::sandbox(&guests::wat("calls"), policy, sandcell::Limits::new());
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(50));
                fs::remove_dir_all(&mount).unwrap();
            });
            sandbox.run(program).unwrap()
        });
        assert!(outcome.is_success(), "{:?}", outcome.status);
        let mkdir = if access == Access::ReadOnly { 69 } else { 44 };
        let expected = format!(
            "8\nopenro 44\npath_filestat_get 44\npath_create_directory {mkdir}\nfd_filestat_get 0\nfd_readdir 0\n"
        );
        assert_eq!(outcome.stdout_text(), expected);
        assert!(!mount.exists());
    }
}

#[test]
fn a_fifo_a_socket_and_a_device_in_a_host_mount_neither_open_nor_block() {
    let (_root, mount, _) = mount_and_outside();
    let _socket = std::os::unix::net::UnixListener::bind(mount.join("socket")).unwrap();
    let mut special = vec!["fifo", "socket"];
    make_node(&mount.join("fifo"), rustix::fs::FileType::Fifo, 0).unwrap();
    match make_node(&mount.join("device"), rustix::fs::FileType::CharacterDevice, rustix::fs::makedev(1, 5)) {
        Ok(()) => special.push("device"),
        Err(error) => say(&format!("NOT RUN: no device node can be made here ({error})")),
    }
    let before = Snapshot::of(&mount);
    for (kind, policy) in mounts_of(&mount) {
        for name in &special {
            let opens = format!(
                "'d/{name} 0 openro 'd/{name} 1 open 'd/{name} 8 open 'd/{name} 9 open 3 0 'd/{name} 2048 path_filestat_get"
            );
            let policy = Policy { mounts: rooted(&policy), ..Policy::new() };
            let lines = guests::calls(policy, &[("deadline_ms", 20_000)], &opens.replace("'d/", "'"));
            assert_eq!(lines.len(), 5, "{lines:?}");
            for line in &lines[..4] {
                assert!(!line.ends_with(" 0"), "{name} was opened on a {kind} mount: {lines:?}");
            }
            assert_eq!(lines[4], "path_filestat_get 0", "{name}");
        }
    }
    assert_eq!(Snapshot::of(&mount), before);
}

/// The same mounts at `/`.
fn rooted(policy: &Policy) -> Vec<Mount> {
    let root = |mount: &Mount| match mount {
        Mount::Host { host, access, .. } => Mount::host(host, "/", *access).unwrap(),
        Mount::Overlay { host, .. } => Mount::overlay(host, "/").unwrap(),
        other => other.clone(),
    };
    policy.mounts.iter().map(root).collect()
}

fn make_node(path: &Path, kind: rustix::fs::FileType, device: u64) -> rustix::io::Result<()> {
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, rustix::fs::Mode::from_raw_mode(0o600), device)
}

#[test]
fn a_read_only_mount_refuses_every_mutating_call_and_stays_as_it_is() {
    let script = "'f 1 open 'f 8 open 'f 9 open 'new 1 open 'new 5 open 3 'new path_create_directory \
        3 'sub path_remove_directory 3 'f path_unlink_file 3 'f 3 'g path_rename 3 0 'f 3 'g path_link \
        'f 3 'l path_symlink 3 1 'f 1 1 5 path_filestat_set_times 3 1 'f 0 0 10 path_filestat_set_times \
        3 1 1 5 fd_filestat_set_times \
        'f 0 openro fd 'x write fd 0 fd_filestat_set_size fd 0 10 fd_allocate fd 1 1 5 fd_filestat_set_times \
        fd 1024 1 iov 0 8 fd_pwrite fd 1 fd_fdstat_set_flags fd 'x write fd -1 -1 fd_fdstat_set_rights fd 9 read";
    let expected = "open 69\nopen 69\nopen 69\nopen 69\nopen 69\npath_create_directory 69\n\
        path_remove_directory 69\npath_unlink_file 69\npath_rename 69\npath_link 69\n\
        path_symlink 69\npath_filestat_set_times 69\npath_filestat_set_times 69\n\
        fd_filestat_set_times 69\n\
        openro 0\nwrite 8 0\nfd_filestat_set_size 76\nfd_allocate 76\nfd_filestat_set_times 69\n\
        fd_pwrite 8\nfd_fdstat_set_flags 0\nwrite 8 0\nfd_fdstat_set_rights 76\nread 0 4 text\n";
    let folder = folders::with_files(&[("f", "text"), ("sub/x", "")]);
    let before = Snapshot::of(folder.path());
    let policy = Policy::new().mount(Mount::host(folder.path(), "/", Access::ReadOnly).unwrap());
    let lines = guests::calls(policy, &[], script).join("\n") + "\n";
    assert_eq!(lines, expected, "over a host mount");
    assert_eq!(Snapshot::of(folder.path()), before);

    let files = before.files();
    let policy = Policy::new().mount(Mount::memory_with("/", files, Access::ReadOnly).unwrap());
    let lines = guests::calls(policy, &[], script).join("\n") + "\n";
    assert_eq!(lines, expected, "over a memory mount");
}
