//! The traces, which are not part of the project. They are read from the folder that `ISOCACHE_TRACES` names, or else from
//! `../shared/traces`; where that is absent, each test says that it is skipped.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use isocache_simulate::{Input, InputOptions, Recorded};
use liblzma::read::XzDecoder;

/// The folder of the traces. If it is absent, says so even though test output is captured.
pub fn folder(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ISOCACHE_TRACES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces"), PathBuf::from);
    if folder.join("reference-hits.tsv").is_file() {
        return Some(folder);
    }
    let _ = writeln!(std::io::stderr(), "skipped: {test}: there are no traces; ISOCACHE_TRACES names their folder");
    None
}

pub fn read(path: &Path) -> Recorded {
    let file = File::open(path).unwrap();
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "xz") {
        XzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    } else {
        MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    }
    let mut input = Input::new(InputOptions::default());
    // Pieces of an odd length, so that lines and numbers are cut.
    for piece in bytes.chunks(999_983) {
        input.push(piece).unwrap();
    }
    input.finish().unwrap()
}
