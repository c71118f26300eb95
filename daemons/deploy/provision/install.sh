#!/bin/bash
# Installs Airshed on a machine (Amazon Linux 2023). Run as root by the user data of the
# launch templates, which has downloaded this script by its hash and written /etc/airshed.env:
#
#   install.sh DAEMON BINARY_URL BINARY_SHA256 LOG_GROUP [ALLOCATION]
#
# DAEMON is collect, server or worker; loadtest installs the program and starts nothing.
# ALLOCATION is an elastic address to associate with the machine.
set -euo pipefail

daemon=$1 url=$2 sha256=$3 logs=$4 allocation=${5:-}

aws s3 cp --only-show-errors "$url" /usr/local/bin/airshed.new
echo "$sha256  /usr/local/bin/airshed.new" | sha256sum --check --quiet
chmod 0755 /usr/local/bin/airshed.new
mv /usr/local/bin/airshed.new /usr/local/bin/airshed
[ "$daemon" = loadtest ] && exit 0

id airshed > /dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin airshed

cat > /etc/systemd/system/airshed.service <<END
[Unit]
Description=Airshed ($daemon)
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/bin/airshed $daemon
EnvironmentFile=/etc/airshed.env
WorkingDirectory=/var/lib/airshed
User=airshed
Group=airshed
Restart=always
RestartSec=5
TimeoutStopSec=30
LimitNOFILE=65536
StateDirectory=airshed
LogsDirectory=airshed
StandardOutput=append:/var/log/airshed/metrics.log
StandardError=append:/var/log/airshed/$daemon.log
UMask=0077

# It needs only the network and its state directory.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
RestrictAddressFamilies=AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
END

# Logs that were sent to CloudWatch must not fill the 8 GB disk.
cat > /etc/logrotate.d/airshed <<'END'
/var/log/airshed/*.log {
    size 50M
    rotate 2
    copytruncate
    missingok
    notifempty
}
END
install -d -m 0755 /etc/systemd/system/logrotate.timer.d
printf '[Timer]\nOnCalendar=\nOnCalendar=hourly\n' > /etc/systemd/system/logrotate.timer.d/hourly.conf

dnf install --assumeyes --quiet amazon-cloudwatch-agent
cat > /opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json <<END
{
  "agent": { "run_as_user": "root" },
  "logs": {
    "logs_collected": {
      "files": {
        "collect_list": [
          { "file_path": "/var/log/airshed/metrics.log", "log_group_name": "$logs/metrics", "log_stream_name": "{instance_id}" },
          { "file_path": "/var/log/airshed/$daemon.log", "log_group_name": "$logs/$daemon", "log_stream_name": "{instance_id}" }
        ]
      }
    }
  }
}
END

if [ -n "$allocation" ]; then
    token=$(curl --silent --fail --request PUT --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' http://169.254.169.254/latest/api/token)
    instance=$(curl --silent --fail --header "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id)
    region=$(curl --silent --fail --header "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/placement/region)
    aws ec2 associate-address --region "$region" --allocation-id "$allocation" --instance-id "$instance" --allow-reassociation
fi

systemctl daemon-reload
systemctl restart logrotate.timer
systemctl enable --now amazon-cloudwatch-agent
systemctl enable --now airshed
