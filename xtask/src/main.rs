//! What building isocache needs beside cargo.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

const HELP: &str = "usage: cargo run --package xtask -- bindings WASM FOLDER

bindings  Writes the JavaScript glue of the module WASM, which cargo built, and the module without the sections that only the
          glue needed, to FOLDER: glue.js and glue_bg.wasm.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["bindings", wasm, folder] => bindings(Path::new(wasm), Path::new(folder)),
        ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown arguments: {arguments:?}\n\n{HELP}")),
    };
    if let Err(error) = outcome {
        eprintln!("xtask: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Writes the bindings of `wasm` to `folder`.
fn bindings(wasm: &Path, folder: &Path) -> Result<(), String> {
    let generate = || {
        let mut bindgen = Bindgen::new();
        bindgen.input_path(wasm).out_name("glue").web(true)?.omit_default_module_path(true).typescript(false);
        bindgen.remove_name_section(true).remove_producers_section(true).generate(folder)
    };
    generate().map_err(|error| format!("no bindings of {}: {error:#}", wasm.display()))
}
