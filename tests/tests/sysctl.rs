//! The kernel's variables, by number.

use std::ffi::c_int;

use rumpclient::Client;
use rumpclient::netbsd::{self, Errno};
use rumpclient_tests::fixture::patient_client;
use rumpclient_tests::on_every_kernel;

const OSTYPE: [c_int; 2] = [netbsd::CTL_KERN, netbsd::KERN_OSTYPE];

fn bytes(client: &Client, name: &[c_int]) -> Result<Vec<u8>, Errno> {
    let (mut value, mut len) = (vec![0; 1024], 0);
    client.rump_sys___sysctl(name, Some(&mut value), Some(&mut len), None)?;
    value.truncate(len);
    Ok(value)
}

fn text(client: &Client, name: &[c_int]) -> Result<String, Errno> {
    let mut value = bytes(client, name)?;
    assert_eq!(value.pop(), Some(0), "a string ends with its NUL");
    Ok(String::from_utf8(value).expect("these strings are text"))
}

fn number(client: &Client, name: &[c_int]) -> Result<c_int, Errno> {
    let value = bytes(client, name)?;
    Ok(c_int::from_ne_bytes(value.try_into().expect("an int has four bytes")))
}

on_every_kernel! {
    fn a_kernel_tells_what_it_is(kernel) {
        let client = patient_client(kernel);
        let banner = client.banner().expect("a connected client has a banner");
        let (kern, hw) = (netbsd::CTL_KERN, netbsd::CTL_HW);
        assert_eq!(text(&client, &OSTYPE), Ok(banner.ostype));
        assert_eq!(text(&client, &[kern, netbsd::KERN_OSRELEASE]), Ok(banner.osrelease.clone()));
        assert_eq!(text(&client, &[hw, netbsd::HW_MACHINE]), Ok(banner.machine));
        let version = text(&client, &[kern, netbsd::KERN_VERSION]).unwrap();
        assert!(version.contains(&banner.osrelease), "{version}");
        assert!(number(&client, &[hw, netbsd::HW_NCPU]).unwrap() >= 1);
        let page = number(&client, &[hw, netbsd::HW_PAGESIZE]).unwrap();
        assert!(page >= 4096 && page & (page - 1) == 0, "{page}");
    }

    fn the_length_can_be_asked_alone(kernel) {
        let client = patient_client(kernel);
        let value_and_nul = bytes(&client, &OSTYPE).unwrap();
        let mut len = 0;
        assert_eq!(client.rump_sys___sysctl(&OSTYPE, None, Some(&mut len), None), Ok(()));
        assert_eq!(len, value_and_nul.len());
        // More room than needed: the length is what was used, and the rest is left alone.
        let mut value = [b'.'; 16];
        let (old, used) = (Some(&mut value[..]), Some(&mut len));
        assert_eq!(client.rump_sys___sysctl(&OSTYPE, old, used, None), Ok(()));
        assert_eq!(value[..len], value_and_nul);
        assert!(value[len..].iter().all(|&byte| byte == b'.'), "{value:?}");
    }

    fn a_value_that_does_not_fit_is_cut(kernel) {
        let client = patient_client(kernel);
        let (mut value, mut len) = ([b'.'; 8], 0);
        let (old, used) = (Some(&mut value[..3]), Some(&mut len));
        assert_eq!(client.rump_sys___sysctl(&OSTYPE, old, used, None), Err(Errno::ENOMEM));
        let ostype = client.banner().unwrap().ostype;
        assert_eq!(value, *[&ostype.as_bytes()[..3], b"....."].concat());
        let (old, used) = (Some(&mut value[..0]), Some(&mut len));
        assert_eq!(client.rump_sys___sysctl(&OSTYPE, old, used, None), Err(Errno::ENOMEM));
    }

    fn the_hosts_name_can_be_set(kernel) {
        let client = patient_client(kernel);
        let name = [netbsd::CTL_KERN, netbsd::KERN_HOSTNAME];
        assert!(text(&client, &name).is_ok());
        let new = b"anykernel.example";
        assert_eq!(client.rump_sys___sysctl(&name, None, None, Some(new)), Ok(()));
        assert_eq!(text(&client, &name).unwrap(), "anykernel.example");
        // Old and new at once.
        let (mut old, mut len) = ([0; 64], 0);
        let (value, used) = (Some(&mut old[..]), Some(&mut len));
        assert_eq!(client.rump_sys___sysctl(&name, value, used, Some(b"other")), Ok(()));
        assert_eq!(&old[..len], b"anykernel.example\0");
        // It is the kernel's, not the process's.
        assert_eq!(text(&patient_client(kernel), &name).unwrap(), "other");
        client.rump_sys_setuid(1000).unwrap();
        let refused = client.rump_sys___sysctl(&name, None, None, Some(b"mine"));
        assert_eq!(refused, Err(Errno::EPERM));
    }

    fn what_is_not_there_is_refused(kernel) {
        let client = patient_client(kernel);
        let get = |name: &[c_int]| bytes(&client, name).unwrap_err();
        assert_eq!(get(&[netbsd::CTL_KERN, 999]), Errno::ENOENT);
        assert_eq!(get(&[999, 1]), Errno::ENOENT);
        assert_eq!(get(&[netbsd::CTL_KERN]), Errno::EINVAL);
        assert_eq!(get(&[netbsd::CTL_KERN, netbsd::KERN_OSTYPE, 1]), Errno::ENOTDIR);
        assert_eq!(get(&[]), Errno::EINVAL);
        assert_eq!(get(&[1; 13]), Errno::EINVAL);
        let refused = client.rump_sys___sysctl(&OSTYPE, None, None, Some(b"Linux"));
        assert_eq!(refused, Err(Errno::EPERM));
        assert_eq!(text(&client, &OSTYPE), Ok(client.banner().unwrap().ostype));
    }
}
