//! `exec:COMMAND…`: a program whose standard input and output are the stream.
//!
//! The command is split into words here, and no shell sees it: nothing in it is expanded. Words
//! are separated by blanks; `\` takes the meaning from the next byte, `'…'` from all between.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use super::Problem;

/// Splits a command into the program's name and its arguments.
pub(super) fn split(command: &[u8]) -> Result<Vec<OsString>, Problem> {
    if command.contains(&0) {
        return Err(Problem::CommandNul);
    }
    let (mut words, mut word) = (Vec::new(), None::<Vec<u8>>);
    let mut bytes = command.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\n' => words.extend(word.take().map(OsString::from_vec)),
            b'\\' => {
                let literal = bytes.next().ok_or(Problem::CommandUnfinished('\\'))?;
                word.get_or_insert_default().push(literal);
            }
            b'\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match bytes.next().ok_or(Problem::CommandUnfinished('\''))? {
                        b'\'' => break,
                        literal => word.push(literal),
                    }
                }
            }
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word.map(OsString::from_vec));
    match words.first() {
        Some(program) if !program.is_empty() => Ok(words),
        _ => Err(Problem::CommandMissing),
    }
}

/// The command that is split into these words.
pub(super) fn join(words: &[OsString]) -> Vec<u8> {
    let words: Vec<_> = words.iter().map(|word| quote(word)).collect();
    words.join(&b' ')
}

fn quote(word: &OsStr) -> Vec<u8> {
    let word = word.as_bytes();
    if word.is_empty() {
        return b"''".to_vec();
    }
    let special = |byte: &u8| b" \t\n\\'".contains(byte);
    word.iter().flat_map(|byte| special(byte).then_some(b'\\').into_iter().chain([*byte])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str) -> Vec<OsString> {
        split(command.as_bytes()).unwrap()
    }

    #[test]
    fn words_are_split_at_blanks_unless_quoted() {
        assert_eq!(words(" socat  -\tUNIX:/tmp/x "), ["socat", "-", "UNIX:/tmp/x"]);
        assert_eq!(words(r"a\ b 'c  d'e '' \'"), ["a b", "c  de", "", "'"]);
        assert_eq!(words(r"sh -c '$(reboot); `x` | y & z > w'")[2], "$(reboot); `x` | y & z > w");
    }

    #[test]
    fn words_survive_a_round_trip() {
        for command in [&["a", "", "b c", r"d\'e", "f\tg\nh"][..], &["-x"]] {
            let words: Vec<_> = command.iter().map(OsString::from).collect();
            assert_eq!(split(&join(&words)).unwrap(), words);
        }
    }

    #[test]
    fn what_is_no_command_is_told_apart() {
        assert_eq!(split(b""), Err(Problem::CommandMissing));
        assert_eq!(split(b"  "), Err(Problem::CommandMissing));
        assert_eq!(split(b"'' x"), Err(Problem::CommandMissing));
        assert_eq!(split(b"a 'b"), Err(Problem::CommandUnfinished('\'')));
        assert_eq!(split(b"a b\\"), Err(Problem::CommandUnfinished('\\')));
        assert_eq!(split(b"a\0b"), Err(Problem::CommandNul));
    }
}
