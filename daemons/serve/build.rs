//! Embeds the page built by `make web` in the binary, if it was built.

fn main() {
    // `web` when there is no `web/dist` yet: it changes when that is made.
    let built = std::path::Path::new("../web/dist").is_dir();
    println!("cargo::rerun-if-changed={}", if built { "../web/dist" } else { "../web" });
}
