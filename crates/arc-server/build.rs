//! Lists the files of the page for embedding: the built one, or a placeholder where it was not built.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hasher as _},
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ui = here.join("../../ui");
    let built = ui.join("dist");
    if ui.is_dir() {
        // Cargo notices a build of the page only in a folder that already exists. Where the sources
        // are read-only nobody can build the page either.
        let _ = fs::create_dir_all(&built);
    }
    let placeholder = here.join("placeholder");
    println!("cargo::rerun-if-changed={}", placeholder.display());
    if built.is_dir() {
        println!("cargo::rerun-if-changed={}", built.display());
    }
    let folder = if built.join("index.html").is_file() {
        built
    } else {
        println!("cargo::warning=embedding a placeholder page; `make ui` builds the real one (needs Node 20 or newer)");
        placeholder
    };
    let mut paths = Vec::new();
    collect(&folder, &mut paths)?;
    paths.sort();
    let mut list = String::from("&[\n");
    for path in &paths {
        let name = path.strip_prefix(&folder)?.components().map(|part| part.as_os_str().to_string_lossy());
        let name = name.collect::<Vec<_>>().join("/");
        let mut hasher = DefaultHasher::new();
        hasher.write(&fs::read(path)?);
        let etag = format!("\"{:016x}\"", hasher.finish());
        let path = path.canonicalize()?;
        let path = path.to_str().ok_or("the path of the checkout is not UTF-8")?;
        writeln!(list, "    File {{ path: {name:?}, etag: {etag:?}, bytes: include_bytes!({path:?}) }},")?;
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("page_files.rs"), list)?;
    Ok(())
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}
