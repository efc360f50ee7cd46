//! Banners: it makes no difference in which pieces one arrives, and what is wrong can be printed.

use rumpclient::proto::banner::{BANNER_MAX, Banner, BannerError};

pub(super) fn run(data: &[u8]) {
    let whole = Banner::handle_bytes(data);
    let pieces = (0..=data.len()).map(|len| Banner::handle_bytes(&data[..len]));
    let first = pieces.into_iter().find(|outcome| *outcome != Ok(None)).unwrap_or(Ok(None));
    match (&whole, &first) {
        (Ok(Some((banner, consumed))), Ok(Some(_))) => {
            assert_eq!(whole, first);
            assert!(*consumed <= BANNER_MAX && data[consumed - 1] == b'\n');
            check(banner);
        }
        (Ok(None), Ok(None)) => assert!(data.len() < BANNER_MAX),
        (Err(whole), Err(first)) => {
            // How much of a bad line is shown depends on how much of it was there.
            assert_eq!(std::mem::discriminant(whole), std::mem::discriminant(first));
            check_error(whole);
            check_error(first);
        }
        _ => panic!("{whole:?} at once, {first:?} in pieces"),
    }
}

fn check(banner: &Banner) {
    let text = banner.to_string();
    assert!(text.len() < BANNER_MAX && !text.contains(char::is_control), "{text:?}");
    banner.release();
    if let Err(error) = banner.check() {
        check_error(&error);
    }
}

fn check_error(error: &BannerError) {
    let text = error.to_string();
    assert!(text.len() < 1000 && !text.contains(char::is_control), "{text:?}");
}
