//! The binary holds the page that `make web` builds, where it has been built.

fn main() {
    // `web` when there is no `web/dist` yet: it changes when that is made.
    let built = std::path::Path::new("../web/dist").is_dir();
    println!("cargo::rerun-if-changed={}", if built { "../web/dist" } else { "../web" });
}
