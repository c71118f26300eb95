//! The recipes of docs/proxies.md, as they stand there but for ports and folders: Caddy and nginx before
//! a server on a Unix socket, below a path.

use std::fs;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tempfile::TempDir;

use super::daemon::{Daemon, airshed};
use super::support::{feed_of, location};

const RECIPES: &str = include_str!("../../../docs/proxies.md");

const PATIENCE: Duration = Duration::from_secs(30);

/// The address that the clients of these tests have.
const CLIENT: &str = "127.0.0.2";

/// A block of the recipes in a language.
fn block(language: &str) -> &'static str {
    let begin = format!("```{language}\n");
    let blocks = RECIPES.split(&begin).skip(1);
    let mut blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    let block = blocks.next().unwrap();
    assert_eq!(blocks.next(), None, "one recipe in {language}");
    block
}

/// With one thing in place of another, which is there.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}: {text}");
    text.replace(from, to)
}

/// A server by the recipe, and its folder.
fn server() -> (Daemon, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let data = feed_of(1..2000, "2026-02-01 11:00:00");
    fs::write(folder.path().join("data.24h.json"), data).unwrap();
    let line = replaced(block("sh"), "/run/airshed", &folder.path().display().to_string());
    let line = replaced(&line, "/var/log/airshed", &folder.path().display().to_string());
    let arguments: Vec<_> = line.split_whitespace().skip(1).collect();
    let mut command = airshed(&arguments);
    command.current_dir(folder.path());
    command.env("AIRSHED_FEED", "file:data.24h.json").env("AIRSHED_ACCESS_LOG_ADDRESSES", "full");
    let daemon = Daemon::spawn(command);
    daemon.wait_for("feed collected");
    (daemon, folder)
}

/// A proxy; ended when dropped.
struct Proxy {
    child: Child,
    base: String,
}

impl Proxy {
    fn start(mut command: Command, port: u16) -> Self {
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the proxy does not listen");
            std::thread::yield_now();
        }
        Self { child, base: format!("http://127.0.0.1:{port}") }
    }

    fn caddy(folder: &Path) -> Self {
        let port = free_port();
        let recipe = replaced(block("caddy"), "example.org", &format!("http://127.0.0.1:{port}"));
        let recipe = replaced(&recipe, "/run/airshed", &folder.display().to_string());
        let file = folder.join("Caddyfile");
        // It ends although connections of these tests are open.
        let own = "{\n\tadmin off\n\tgrace_period 1s\n}";
        fs::write(&file, format!("{own}\n{recipe}")).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file);
        command.stderr(Stdio::null());
        command.env("HOME", folder).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
        Self::start(command, port)
    }

    fn nginx(folder: &Path) -> Self {
        let port = free_port();
        let recipe = replaced(block("nginx"), "listen 80", &format!("listen 127.0.0.1:{port}"));
        let recipe = replaced(&recipe, "/run/airshed", &folder.display().to_string());
        let own = "daemon off; pid nginx.pid; error_log stderr; events {}";
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|kind| format!("{kind}_temp_path nginx_{kind};")).concat();
        let file = folder.join("nginx.conf");
        let user = "user root;"; // if it is run by root, the folder is root's
        let text = format!("{user}\n{own}\nhttp {{\n{temporary}\naccess_log off;\n{recipe}\n}}\n");
        fs::write(&file, text).unwrap();
        // Where Debian has it, also for those who are not root.
        let installed = Some("/usr/sbin/nginx").filter(|path| Path::new(path).exists());
        let mut command = Command::new(installed.unwrap_or("nginx"));
        command.arg("-p").arg(folder).arg("-c").arg(&file).args(["-e", "stderr"]);
        Self::start(command, port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx ends its workers at SIGTERM.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

const ALL: &str = "/air/api/query?startDate=2026-01-01&endDate=2026-02-28";

async fn works(proxy: &Proxy, folder: &Path) {
    let own: IpAddr = CLIENT.parse().unwrap();
    let client = Client::builder().local_address(own).redirect(Policy::none()).no_gzip();
    let client = client.build().unwrap();
    let get = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = client.get(format!("{}{path}", proxy.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    // The page, what it loads, and the way to it.
    let redirect = get("/air", &[]).await;
    assert!(redirect.status().is_redirection() && header(&redirect, "location").ends_with("/air/"));
    let page = get("/air/", &[("accept", "text/html")]).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    let after = |name| page.split(name).skip(1).filter_map(|rest| rest.split('"').next());
    let linked = after(" src=\"").chain(after("<link rel=\"stylesheet\" crossorigin href=\""));
    let linked: Vec<_> = linked.chain(after("<link rel=\"icon\" href=\"")).collect();
    assert!(linked.len() >= 2, "{linked:?}");
    for path in linked {
        let path = match path.strip_prefix('/') {
            Some(path) => format!("/{path}"),
            None => format!("/air/{path}"),
        };
        assert_eq!(get(&path, &[]).await.status(), 200, "{path}");
    }
    // A direct response, compressed by the server.
    let plain = get(ALL, &[]).await.text().await.unwrap();
    assert_eq!(plain.lines().count(), 2000);
    let packed = get(ALL, &[("accept-encoding", "gzip")]).await;
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    assert!(packed.bytes().await.unwrap().len() < plain.len() / 2);
    // A job, its result, and a part of that.
    let job = get(ALL, &[("prefer", "respond-async")]).await;
    assert_eq!(job.status(), 202);
    let location = location(&job);
    assert!(location.starts_with("/air/api/results/"), "{location}");
    let file = get(&format!("{location}?wait=30"), &[]).await;
    assert_eq!(file.status(), 200);
    let file = file.bytes().await.unwrap();
    let part = get(&location, &[("range", "bytes=100-199")]).await;
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), file[100..200]);
    // Its address, as the proxy's clients know it.
    let dataset = get("/air/dataset.jsonld", &[]).await.text().await.unwrap();
    assert!(dataset.contains(&format!("{}/air/dataset", proxy.base)), "{dataset}");
    // Events come when they happen.
    let mut events = get("/air/api/events", &[]).await;
    let first = tokio::time::timeout(PATIENCE, events.chunk()).await.expect("it comes at once");
    assert!(first.unwrap().unwrap().starts_with(b": "));
    // The client's address, whatever it says.
    for forged in ["x-forwarded-for", "forwarded"] {
        let value = if forged == "forwarded" { "for=192.0.2.1" } else { "192.0.2.1" };
        let path = format!("/air/healthz?{forged}");
        assert_eq!(get(&path, &[(forged, value)]).await.status(), 200);
        let line = line_with(&folder.join("access.log"), forged).await;
        assert!(line.starts_with(&format!("{CLIENT} - - [")), "{line}");
    }
}

async fn line_with(log: &Path, text: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lines = fs::read_to_string(log).unwrap_or_default();
        if let Some(line) = lines.lines().rfind(|line| line.contains(text)) {
            return line.to_owned();
        }
        assert!(Instant::now() < deadline, "no {text} in {lines}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_behind_caddy_is_below_a_path() {
    let (_server, folder) = server();
    works(&Proxy::caddy(folder.path()), folder.path()).await;
}

#[tokio::test]
async fn a_server_behind_nginx_is_below_a_path() {
    let (_server, folder) = server();
    works(&Proxy::nginx(folder.path()), folder.path()).await;
}
