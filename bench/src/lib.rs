//! What the library does inside its own process, in pieces that can be timed and counted: from
//! marshalling one call to whole calls against a peer that answers without a kernel behind it.

mod calls;
mod pieces;

/// Something to measure.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// What it is called.
    pub name: &'static str,
    prepare: fn() -> Box<dyn FnMut()>,
}

impl Work {
    /// Sets it up. What is returned does it once.
    pub fn prepare(&self) -> Box<dyn FnMut()> {
        (self.prepare)()
    }

    /// The work of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        WORKS.iter().find(|work| work.name == name)
    }
}

impl std::fmt::Display for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All of it.
pub static WORKS: [Work; 12] = [
    Work { name: "marshal", prepare: pieces::marshal },
    Work { name: "look-up", prepare: pieces::look_up },
    Work { name: "lend-buffer", prepare: pieces::lend_buffer },
    Work { name: "lend-string", prepare: pieces::lend_string },
    Work { name: "lend-vectors", prepare: pieces::lend_vectors },
    Work { name: "encode-call", prepare: pieces::encode_call },
    Work { name: "decode-answer", prepare: pieces::decode_answer },
    Work { name: "decode-copyout", prepare: pieces::decode_copyout },
    Work { name: "call-null", prepare: calls::null },
    Work { name: "call-read-4k", prepare: calls::read },
    Work { name: "call-write-4k", prepare: calls::write },
    Work { name: "call-open", prepare: calls::open },
];
