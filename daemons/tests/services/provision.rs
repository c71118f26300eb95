//! A deployment on AWS: the template by itself, and the commands on an emulator.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use airshed::provision::{INSTALLER, TEMPLATE};
use airshed::telemetry::names::{Dimension, METRICS};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use super::aws::on;
use super::daemon::Daemon;
use super::emulator::{self, Emulator};
use super::support::{feed_of, location};

/// The template with CloudFormation's short forms spelt out, as cfn-lint reads it.
fn template() -> Value {
    let read = "import json, sys; from cfnlint.decode import decode; \
                print(json.dumps(decode(sys.argv[1])[0]))";
    let mut python = Command::new(emulator::python("python"));
    let read = python.args(["-c", read]).arg(template_path()).output().unwrap();
    assert!(read.status.success(), "{read:?}");
    serde_json::from_slice(&read.stdout).unwrap()
}

fn template_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/provision/template.yaml")
}

fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let resources = template["Resources"].as_object().unwrap().iter();
    let found = resources.filter(|(_, resource)| resource["Type"] == kind);
    found.map(|(name, resource)| (name.as_str(), &resource["Properties"])).collect()
}

#[test]
fn cloudformations_linter_has_nothing_to_say() {
    let linted = Command::new(emulator::python("cfn-lint")).arg(template_path()).output().unwrap();
    let message = String::from_utf8_lossy(&linted.stdout);
    assert!(linted.status.success() && message.trim().is_empty(), "{message}");
}

#[test]
fn what_the_machines_run_is_right_and_confined() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("install.sh");
    std::fs::write(&script, INSTALLER).unwrap();
    let read = Command::new("bash").arg("-n").arg(&script).output().unwrap();
    assert!(read.status.success(), "{read:?}");
    for wanted in ["User=airshed", "NoNewPrivileges=yes", "ProtectSystem=strict"] {
        assert!(INSTALLER.lines().any(|line| line == wanted), "{wanted}");
    }
    // Every setting that the user data gives is one that the daemon of that machine knows.
    let template = template();
    let daemons = [
        ("Master", "collect"),
        ("ClientApp", "server"),
        ("Worker", "worker"),
        ("TestInstance", "loadtest"),
    ];
    for (machine, daemon) in daemons {
        let data = &template["Resources"][format!("{machine}Template")];
        let data = &data["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"];
        let text = data.as_str().or(data[0].as_str()).unwrap();
        assert!(text.contains(&format!("install.sh {daemon} ")), "{text}");
        let help = super::daemon::airshed(&[daemon, "--help"]).output().unwrap().stdout;
        let help = String::from_utf8(help).unwrap();
        let settings = text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
        for setting in settings.filter(|name| name.starts_with("AIRSHED_")) {
            let known = help.contains(&format!("{setting}="));
            assert!(known || daemon == "loadtest", "{daemon} does not know {setting}");
        }
    }
}

/// Every action that is named anywhere in a policy.
fn actions(policy: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    match policy {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(one) if name == "Action" => found.push(one.as_str()),
                    Value::Array(all) if name == "Action" => {
                        found.extend(all.iter().filter_map(Value::as_str));
                    }
                    other => found.extend(actions(other)),
                }
            }
        }
        Value::Array(all) => found.extend(all.iter().flat_map(actions)),
        _ => {}
    }
    found
}

#[test]
fn everything_is_tagged_closed_and_encrypted() {
    let template = template();
    for (name, bucket) in of_type(&template, "AWS::S3::Bucket") {
        let closed = &bucket["PublicAccessBlockConfiguration"];
        assert_eq!(
            closed.as_object().unwrap().values().filter(|on| **on == true).count(),
            4,
            "{name}"
        );
        assert!(
            bucket["BucketEncryption"].is_object() && bucket["LifecycleConfiguration"].is_object()
        );
    }
    for (name, queue) in of_type(&template, "AWS::SQS::Queue") {
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{name}");
        let dead = queue["RedrivePolicy"]["maxReceiveCount"] == 5;
        assert_eq!(dead, !name.starts_with("Dead"), "{name}");
    }
    for (name, machine) in of_type(&template, "AWS::EC2::LaunchTemplate") {
        let data = &machine["LaunchTemplateData"];
        assert_eq!(data["MetadataOptions"]["HttpTokens"], "required", "{name}");
        assert_eq!(data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"], true, "{name}");
    }
    for (name, group) in of_type(&template, "AWS::Logs::LogGroup") {
        assert!(group["RetentionInDays"].is_object(), "{name}");
    }
    for (name, topic) in of_type(&template, "AWS::SNS::Topic") {
        assert!(topic["KmsMasterKeyId"].is_object(), "{name}");
    }
    let mut allowed = 0;
    for kind in ["AWS::IAM::Role", "AWS::IAM::ManagedPolicy"] {
        for (name, policy) in of_type(&template, kind) {
            for action in actions(policy) {
                assert!(!action.contains('*'), "{name} may {action}");
                allowed += 1;
            }
        }
    }
    assert!(allowed > 20, "{allowed}");
    let kinds =
        ["DynamoDB::Table", "S3::Bucket", "SQS::Queue", "EC2::VPC", "IAM::Role", "Logs::LogGroup"];
    for kind in kinds {
        let all = of_type(&template, &format!("AWS::{kind}"));
        assert!(!all.is_empty());
        assert!(
            all.iter().all(|(_, properties)| properties["Tags"].to_string().contains("airshed"))
        );
    }
    let table = of_type(&template, "AWS::DynamoDB::Table")[0].1;
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(template["Resources"]["Table"]["DeletionPolicy"], "Retain");
    assert_eq!(template["Resources"]["Results"]["DeletionPolicy"], "Retain");
}

/// Whether `--metrics emf` prints a metric with a dimension, by the list that it prints from.
fn is_printed(name: &str, dimension: Option<(&str, &str)>) -> bool {
    let Some(metric) = METRICS.iter().find(|metric| metric.name == name) else { return false };
    match (metric.cloudwatch, dimension) {
        (Some(Dimension::None), None) => true,
        (Some(Dimension::Label(label)), Some((wanted, value))) => {
            label == wanted && metric.help.contains(value)
        }
        (Some(Dimension::Daemon), Some(("Daemon", value))) => {
            ["collect", "server", "worker", "serve", "demo"].contains(&value)
        }
        _ => false,
    }
}

#[test]
fn alarms_and_panels_use_the_names_that_are_printed() {
    let template = template();
    let mut ours = 0;
    for (name, alarm) in of_type(&template, "AWS::CloudWatch::Alarm") {
        if alarm["Namespace"] == "AWS/SQS" {
            continue;
        }
        assert_eq!(alarm["Namespace"]["Ref"], "AWS::StackName", "{name}");
        let dimensions = alarm["Dimensions"].as_array();
        let dimension = dimensions.map(|all| {
            assert_eq!(all.len(), 1, "{name}");
            (all[0]["Name"].as_str().unwrap(), all[0]["Value"].as_str().unwrap())
        });
        assert!(is_printed(alarm["MetricName"].as_str().unwrap(), dimension), "{name}: {alarm}");
        ours += 1;
    }
    assert!(ours >= 8);

    // The two dashboards: the same panels, of metrics that there are.
    let board = of_type(&template, "AWS::CloudWatch::Dashboard")[0].1["DashboardBody"].clone();
    let board: Value = serde_json::from_str(board["Fn::Sub"].as_str().unwrap()).unwrap();
    let grafana = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana.json");
    let grafana: Value = serde_json::from_str(&std::fs::read_to_string(grafana).unwrap()).unwrap();
    let titles = |panels: &Value, of: fn(&Value) -> &Value| -> Vec<String> {
        let panels = panels.as_array().unwrap().iter();
        panels.map(|panel| of(panel).as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        titles(&board["widgets"], |widget| &widget["properties"]["title"]),
        titles(&grafana["panels"], |panel| &panel["title"])
    );
    for widget in board["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let words: Vec<_> =
                metric.as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let dimension = (words.len() == 4).then(|| (words[2], words[3]));
            assert_eq!(words[0], "${AWS::StackName}");
            assert!(is_printed(words[1], dimension), "{metric}");
        }
    }
    for panel in grafana["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            let mut names = expression
                .split(word)
                .filter(|word| word.starts_with("airshed_") || word.starts_with("process_"));
            let name = names.next().unwrap_or_else(|| panic!("{expression}"));
            let name = name.trim_end_matches("_bucket");
            assert!(METRICS.iter().any(|metric| metric.name == name), "{expression}");
        }
    }

    // The runbook has something to say on each alarm that people get.
    let runbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/runbook.md");
    let runbook = std::fs::read_to_string(runbook).unwrap();
    for (name, alarm) in of_type(&template, "AWS::CloudWatch::Alarm") {
        if alarm["AlarmName"].is_object() {
            assert!(runbook.contains(&format!("\n## {name}\n")), "the runbook has no {name}");
        }
    }
}

fn provision(endpoint: &str, arguments: &[&str]) -> Output {
    on(endpoint, &[&["provision"], arguments]).output().unwrap()
}

fn message(output: &Output) -> (bool, String) {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8(both).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_made_used_changed_and_deleted() {
    // The emulator has no elastic addresses: the entrance is a load balancer there.
    const UP: [&str; 6] = ["up", "--name", "city", "--contact", "x@example.org", "--balancer"];
    let emulator = Emulator::ministack();
    let endpoint = emulator.url();
    let run = |arguments: &[&str]| message(&provision(&endpoint, arguments));

    let (well, text) = run(&UP);
    assert!(well, "{text}");
    for resource in ["Table (AWS::DynamoDB::Table)", "Worker (AWS::AutoScaling::AutoScalingGroup)"]
    {
        assert!(text.contains(&format!("CREATE_COMPLETE     {resource}")), "{text}");
    }
    let address = text.lines().last().unwrap();
    assert!(address.starts_with("http://") && text.contains("\ncreated\n"), "{text}");

    // What is healthy by the services' own word; machines that the emulator only writes down are not.
    let (well, status) = run(&["status", "--name", "city"]);
    assert!(!well);
    for line in [
        "ok      stack city: CREATE_COMPLETE",
        "ok      table QualityAirTable: active, with its index",
        "ok      queue RequestSend: 0 waiting, 0 in flight",
        "ok      bucket city-results-000000000000-eu-west-2: exists",
        "FAILING machines: collector: 0 of 1 in service",
        "ok      machines: workers: 0 of 0 in service",
        "ok      alarm DataIsOld: INSUFFICIENT_DATA",
    ] {
        assert!(status.lines().any(|other| other == line), "{line}: {status}");
    }
    assert!(status.contains(&format!("FAILING application {address}")), "{status}");

    // The real daemons, with what the stack's machines are told.
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("data.24h.json");
    std::fs::write(&feed, feed_of(1..201, "2026-02-01 11:00:00")).unwrap();
    let (feed, data) = (format!("file:{}", feed.display()), folder.path().display().to_string());
    let store = ["--store", "dynamodb:QualityAirTable", "--data", &data];
    let jobs = [
        "--queue",
        "sqs:RequestSend,RequestReceive",
        "--results",
        "s3://city-results-000000000000-eu-west-2/results",
    ];
    let collected = on(&endpoint, &[&["collect", "--once", "--feed", &feed], &store]).output();
    assert!(collected.unwrap().status.success());
    let server =
        Daemon::spawn(on(&endpoint, &[&["server", "--listen", "127.0.0.1:0"], &store, &jobs]));
    let worker = Daemon::spawn(on(&endpoint, &[&["worker"], &store, &jobs]));
    let base = server.base();
    let query = format!("{base}/api/query?startDate=2026-02-01&endDate=2026-02-02");
    let queued = reqwest::Client::new().get(&query).header("Prefer", "respond-async").send().await;
    let result = format!("{base}{}?wait=30", location(&queued.unwrap()));
    let file = reqwest::get(&result).await.unwrap().text().await.unwrap();
    assert_eq!(file.lines().count(), 201);
    drop((server, worker));

    // Again, and otherwise.
    let (well, text) = run(&UP);
    assert!(well && text.contains("\nup to date, no changes\n"), "{text}");
    let (well, text) = run(&[&UP[..], &["--servers", "2", "--stale-after", "3"]].concat());
    assert!(well && text.contains("\nupdated\n"), "{text}");
    assert!(text.contains("UPDATE_COMPLETE     DataIsOld (AWS::CloudWatch::Alarm)"), "{text}");

    // It asks before it deletes, and deletes no data unasked.
    let (well, text) = run(&["down", "--name", "city"]);
    assert!(!well && text.contains("pass --yes"), "{text}");
    let (well, text) = run(&["down", "--name", "city", "--yes"]);
    assert!(well && text.contains("The table QualityAirTable and the bucket"), "{text}");
    let (well, text) = run(&["status", "--name", "city"]);
    assert!(!well && text.contains("the deployment city does not exist"), "{text}");
    let kept = on(&endpoint, &[&["server", "--listen", "127.0.0.1:0"], &store]);
    let kept = Daemon::spawn(kept);
    let query = format!("{}/api/query?startDate=2026-02-01&endDate=2026-02-02", kept.base());
    assert_eq!(reqwest::get(&query).await.unwrap().text().await.unwrap().lines().count(), 201);
    drop(kept);

    // What stayed is used again.
    let (well, text) = run(&UP);
    assert!(well && text.contains("table: exists outside the stack; used as it is"), "{text}");
    assert!(!text.contains("AWS::DynamoDB::Table"), "{text}");
    let (well, text) = run(&["down", "--name", "city", "--yes", "--delete-data"]);
    assert!(well, "{text}");
    for gone in ["table QualityAirTable", "bucket city-results-", "bucket city-artefacts-"] {
        assert!(text.contains(&format!("deleted: {gone}")), "{text}");
    }
    let (well, text) = message(&on(&endpoint, &[&["worker"], &store, &jobs]).output().unwrap());
    assert!(!well && text.contains("does not exist"), "{text}");
}

#[tokio::test]
async fn what_cloudformation_refuses_is_said_in_its_words() {
    let emulator = Emulator::ministack();
    let endpoint = emulator.url();
    let up = |more: &[&str]| {
        let always = ["up", "--contact", "x@example.org", "--balancer"];
        message(&provision(&endpoint, &[&always[..], more].concat()))
    };
    // What CloudFormation refuses at once: the emulator knows no budgets.
    let (well, text) = up(&["--email", "x@example.org", "--budget", "5"]);
    assert!(!well && text.contains("CloudFormation cannot create the stack airshed: "), "{text}");
    assert!(text.contains("AWS::Budgets::Budget"), "{text}");
}

/// A CloudFormation whose stack cannot be made: it answers each call as that does.
async fn failing_cloudformation() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&seen);
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = Arc::clone(&seen);
                async move {
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let fields: HashMap<_, _> =
                        form_urlencoded::parse(&body).into_owned().collect();
                    let (status, answer) = answer_as_cloudformation(&fields, &seen);
                    seen.lock().unwrap().push(fields["Action"].clone());
                    let answer =
                        Response::builder().status(status).body(Full::<Bytes>::from(answer));
                    Ok::<_, Infallible>(answer.unwrap())
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, calls)
}

fn answer_as_cloudformation(
    fields: &HashMap<String, String>,
    seen: &Mutex<Vec<String>>,
) -> (u16, String) {
    let action = fields["Action"].as_str();
    let created = seen.lock().unwrap().iter().any(|action| action == "CreateStack");
    let event = |number: u32, resource: &str, status: &str, reason: &str| {
        format!(
            "<member><StackId>arn:city</StackId><EventId>{number}</EventId><StackName>city</StackName>\
             <LogicalResourceId>{resource}</LogicalResourceId><PhysicalResourceId>{resource}-1\
             </PhysicalResourceId><ResourceType>AWS::Test::{resource}</ResourceType>\
             <Timestamp>2026-01-01T00:00:00Z</Timestamp><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{reason}</ResourceStatusReason></member>"
        )
    };
    let body = match action {
        "DescribeStacks" if !created => {
            let error = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                         <Message>Stack with id city does not exist</Message></Error></ErrorResponse>";
            return (400, error.to_owned());
        }
        "DescribeStacks" => {
            "<Stacks><member><StackName>city</StackName><StackId>arn:city</StackId>\
             <CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>ROLLBACK_FAILED\
             </StackStatus></member></Stacks>"
                .to_owned()
        }
        "CreateStack" => "<StackId>arn:city</StackId>".to_owned(),
        // The newest first, as CloudFormation has it.
        "DescribeStackEvents" => format!(
            "<StackEvents>{}{}{}{}</StackEvents>",
            event(4, "Network", "DELETE_FAILED", "it is in use"),
            event(3, "Worker", "CREATE_FAILED", "Resource creation cancelled"),
            event(2, "Balancer", "CREATE_FAILED", "the account may have no more of them"),
            event(1, "Network", "CREATE_COMPLETE", ""),
        ),
        "ListStackResources" => "<StackResourceSummaries><member><LogicalResourceId>Network\
             </LogicalResourceId><PhysicalResourceId>vpc-1</PhysicalResourceId><ResourceType>\
             AWS::EC2::VPC</ResourceType><LastUpdatedTimestamp>2026-01-01T00:00:00Z\
             </LastUpdatedTimestamp><ResourceStatus>DELETE_FAILED</ResourceStatus></member>\
             </StackResourceSummaries>"
            .to_owned(),
        other => panic!("{other}: {fields:?}"),
    };
    (200, format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_cannot_be_made_is_told_step_by_step() {
    let emulator = Emulator::ministack();
    let (url, calls) = failing_cloudformation().await;
    let mut up = on(&emulator.url(), &[&["provision", "up", "--name", "city", "--contact", "x"]]);
    let (well, text) = message(&up.env("AWS_ENDPOINT_URL_CLOUDFORMATION", url).output().unwrap());
    assert!(!well);
    let told: Vec<_> = text.lines().skip_while(|line| !line.starts_with("CREATE_")).collect();
    assert_eq!(
        told,
        [
            "CREATE_COMPLETE     Network (AWS::Test::Network)",
            "CREATE_FAILED       Balancer (AWS::Test::Balancer): the account may have no more of them",
            "CREATE_FAILED       Worker (AWS::Test::Worker): Resource creation cancelled",
            "DELETE_FAILED       Network (AWS::Test::Network): it is in use",
            "airshed: the stack city ended as ROLLBACK_FAILED",
            "  Balancer (AWS::Test::Balancer): the account may have no more of them",
            "  Network (AWS::Test::Network): it is in use",
            "left: Network",
            "fix the cause and rerun the command",
        ]
    );
    assert!(calls.lock().unwrap().iter().any(|action| action == "CreateStack"));
}

#[test]
fn what_cannot_be_deployed_is_refused_before_anything_is_made() {
    let refused = |arguments: &[&str], part: &str| {
        let (well, text) = message(&provision("http://127.0.0.1:1", arguments));
        assert!(!well && text.contains(part), "{arguments:?}: {text}");
    };
    refused(&["up"], "set --contact");
    let contact = ["up", "--contact", "x@example.org"];
    let with = |more: &[&'static str]| [&contact[..], more].concat();
    refused(&with(&["--servers", "2"]), "requires --balancer");
    refused(&with(&["--name", "Stadt"]), "invalid deployment name");
    refused(&with(&["--binary", "/nowhere"]), "/nowhere");
    refused(&with(&["--allow-from", "everybody"]), "192.0.2.0/24");
    refused(&with(&["--allow-from", "10.0.0.0/40"]), "192.0.2.0/24");
    refused(&with(&["--email", "nobody"]), "an e-mail address");
    refused(&with(&["--binary", "/bin/sh", "--capacity", "10,5"]), "LEAST,MOST");
    refused(&with(&["--budget", "5"]), "--email");
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    refused(&["up", "--contact", "x", "--binary", text], "is not built for 64-bit Linux");
    let rendered = provision("http://127.0.0.1:1", &["render"]);
    assert_eq!(String::from_utf8(rendered.stdout).unwrap(), TEMPLATE);
}
