//! Who a process is, and what it is allowed.

use rumpclient::Client;
use rumpclient::netbsd::{self, Errno, rlimit};
use rumpclient_tests::fixture::patient_client;
use rumpclient_tests::on_every_kernel;

fn limit(client: &Client, which: i32) -> rlimit {
    let mut limit = rlimit::default();
    client.rump_sys_getrlimit(which, &mut limit).expect("every process has limits");
    limit
}

fn groups(client: &Client) -> Vec<netbsd::gid_t> {
    let count = client.rump_sys_getgroups(&mut []).expect("groups can be counted");
    let mut groups = vec![0; count as usize];
    assert_eq!(client.rump_sys_getgroups(&mut groups), Ok(count));
    groups
}

on_every_kernel! {
    fn every_client_is_a_child_of_init(kernel) {
        let (one, other) = (patient_client(kernel), patient_client(kernel));
        let pid = one.rump_sys_getpid().unwrap();
        assert!(pid > 1);
        assert_ne!(other.rump_sys_getpid(), Ok(pid));
        assert_eq!(one.rump_sys_getpid(), Ok(pid));
        assert_eq!(one.rump_sys_getppid(), Ok(1));
        assert_eq!(one.rump_sys_issetugid(), Ok(0));
    }

    fn every_client_begins_as_root(kernel) {
        let client = patient_client(kernel);
        assert_eq!(client.rump_sys_getuid(), Ok(0));
        assert_eq!(client.rump_sys_geteuid(), Ok(0));
        assert_eq!(client.rump_sys_getgid(), Ok(0));
        assert_eq!(client.rump_sys_getegid(), Ok(0));
    }

    fn root_can_become_somebody_else_and_not_come_back(kernel) {
        let (client, other) = (patient_client(kernel), patient_client(kernel));
        // The effective id alone, and back.
        assert_eq!(client.rump_sys_seteuid(1000), Ok(()));
        assert_eq!((client.rump_sys_getuid(), client.rump_sys_geteuid()), (Ok(0), Ok(1000)));
        assert_eq!(client.rump_sys_seteuid(2000), Err(Errno::EPERM));
        assert_eq!(client.rump_sys_seteuid(0), Ok(()));
        assert_eq!(client.rump_sys_setegid(100), Ok(()));
        assert_eq!((client.rump_sys_getgid(), client.rump_sys_getegid()), (Ok(0), Ok(100)));
        assert_eq!(client.rump_sys_setgid(200), Ok(()));
        assert_eq!((client.rump_sys_getgid(), client.rump_sys_getegid()), (Ok(200), Ok(200)));
        // For good.
        assert_eq!(client.rump_sys_setuid(1000), Ok(()));
        assert_eq!((client.rump_sys_getuid(), client.rump_sys_geteuid()), (Ok(1000), Ok(1000)));
        assert_eq!(client.rump_sys_setuid(0), Err(Errno::EPERM));
        assert_eq!(client.rump_sys_seteuid(0), Err(Errno::EPERM));
        assert_eq!(client.rump_sys_setgid(0), Err(Errno::EPERM));
        assert_eq!(client.rump_sys_setgroups(&[0]), Err(Errno::EPERM));
        // Of all this the other process notices nothing.
        assert_eq!((other.rump_sys_getuid(), other.rump_sys_getgid()), (Ok(0), Ok(0)));
    }

    fn real_and_effective_ids_are_set_together(kernel) {
        let client = patient_client(kernel);
        assert_eq!(client.rump_sys_setreuid(1000, 2000), Ok(()));
        assert_eq!((client.rump_sys_getuid(), client.rump_sys_geteuid()), (Ok(1000), Ok(2000)));
        let client = patient_client(kernel);
        assert_eq!(client.rump_sys_setregid(100, 200), Ok(()));
        assert_eq!((client.rump_sys_getgid(), client.rump_sys_getegid()), (Ok(100), Ok(200)));
    }

    fn groups_are_set_and_asked(kernel) {
        let client = patient_client(kernel);
        assert_eq!(client.rump_sys_setgroups(&[5, 7, 9]), Ok(()));
        assert_eq!(groups(&client), [5, 7, 9]);
        let mut few = [0; 2];
        assert_eq!(client.rump_sys_getgroups(&mut few), Err(Errno::EINVAL));
        let mut many = [77; 6];
        assert_eq!(client.rump_sys_getgroups(&mut many), Ok(3));
        assert_eq!(many, [5, 7, 9, 77, 77, 77]);
        assert_eq!(client.rump_sys_setgroups(&[]), Ok(()));
        assert_eq!(client.rump_sys_getgroups(&mut []), Ok(0));
        assert_eq!(client.rump_sys_setgroups(&[1; 17]), Err(Errno::EINVAL));
    }

    fn a_process_can_lead_a_session(kernel) {
        let client = patient_client(kernel);
        let pid = client.rump_sys_getpid().unwrap();
        assert_eq!(client.rump_sys_getpgid(0), client.rump_sys_getpgrp());
        match client.rump_sys_setsid() {
            Ok(session) => assert_eq!(session, pid),
            // It leads its process group already.
            Err(error) => {
                assert_eq!(error, Errno::EPERM);
                assert_eq!(client.rump_sys_getpgrp(), Ok(pid));
            }
        }
        assert_eq!(client.rump_sys_getpgrp(), Ok(pid));
        assert_eq!(client.rump_sys_getpgid(pid), Ok(pid));
        assert_eq!(client.rump_sys_getsid(0), Ok(pid));
        assert_eq!(client.rump_sys_setsid(), Err(Errno::EPERM));
        assert_eq!(client.rump_sys_getpgid(29_999), Err(Errno::ESRCH));
    }

    fn a_session_has_a_login_name(kernel) {
        let client = patient_client(kernel);
        // Not to change somebody else's.
        let _ = client.rump_sys_setsid();
        assert_eq!(client.rump_sys___setlogin(c"somebody"), Ok(()));
        let mut name = [b'.'; 17];
        assert_eq!(client.rump_sys___getlogin(&mut name), Ok(()));
        assert_eq!(&name[..9], b"somebody\0");
    }

    fn limits_are_set_and_asked(kernel) {
        let client = patient_client(kernel);
        let files = limit(&client, netbsd::RLIMIT_NOFILE);
        assert!(files.rlim_cur >= 20 && files.rlim_cur <= files.rlim_max, "{files:?}");
        let lower = rlimit { rlim_cur: 12, rlim_max: files.rlim_max };
        assert_eq!(client.rump_sys_setrlimit(netbsd::RLIMIT_NOFILE, &lower), Ok(()));
        assert_eq!(limit(&client, netbsd::RLIMIT_NOFILE), lower);
        // It holds, for this process.
        let fds: Vec<_> = (0..20).map(|_| client.rump_sys_kqueue()).collect();
        assert_eq!(fds.last(), Some(&Err(Errno::EMFILE)));
        let most = fds.iter().flatten().max();
        assert_eq!(most, Some(&11));
        let other = patient_client(kernel);
        assert_ne!(limit(&other, netbsd::RLIMIT_NOFILE), lower);
        let mut none = rlimit::default();
        assert_eq!(client.rump_sys_getrlimit(77, &mut none), Err(Errno::EINVAL));
        assert_eq!(client.rump_sys_setrlimit(77, &lower), Err(Errno::EINVAL));
        let upside_down = rlimit { rlim_cur: 100, rlim_max: 50 };
        let refused = client.rump_sys_setrlimit(netbsd::RLIMIT_CORE, &upside_down);
        assert_eq!(refused, Err(Errno::EINVAL));
    }

    fn only_root_raises_a_limit_again(kernel) {
        let client = patient_client(kernel);
        let low = rlimit { rlim_cur: 1000, rlim_max: 2000 };
        assert_eq!(client.rump_sys_setrlimit(netbsd::RLIMIT_CORE, &low), Ok(()));
        client.rump_sys_setuid(1000).unwrap();
        let higher = rlimit { rlim_cur: 1000, rlim_max: netbsd::RLIM_INFINITY };
        let refused = client.rump_sys_setrlimit(netbsd::RLIMIT_CORE, &higher);
        assert_eq!(refused, Err(Errno::EPERM));
        let within = rlimit { rlim_cur: 2000, rlim_max: 2000 };
        assert_eq!(client.rump_sys_setrlimit(netbsd::RLIMIT_CORE, &within), Ok(()));
        assert_eq!(limit(&client, netbsd::RLIMIT_CORE), within);
    }
}
