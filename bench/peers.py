# SPDX-License-Identifier: GPL-3.0-or-later
"""The peers that the benchmarks run beside sisd: nginx with WebDAV and client certificates, and OpenSSH's sftp. Each has its own directory,
loopback port and processes, and stops by the process ids it started."""
import os
import shutil
import socket
import subprocess
import time


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, seconds=10):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"nothing listens on port {port} after {seconds} s")
            time.sleep(0.02)


def openssl(*args, **kw):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)


class Pki:
    """A CA, a server and a client certificate, all ECDSA P-256: what nginx is usually given."""

    def __init__(self, directory):
        self.dir = directory
        os.makedirs(directory, exist_ok=True)
        self.ca, self.ca_key = self.path("ca.pem"), self.path("ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.ca_key, "-out", self.ca,
                "-days", "30", "-subj", "/CN=bench ca")
        self.server, self.server_key = self.issue("server", "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth")
        self.client, self.client_key = self.issue("client", "extendedKeyUsage=clientAuth\nkeyUsage=digitalSignature")

    def path(self, name):
        return os.path.join(self.dir, name)

    def issue(self, name, extensions):
        key, csr, pem, ext = (self.path(name + "." + e) for e in ("key", "csr", "pem", "ext"))
        with open(ext, "w") as f:
            f.write(extensions + "\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", csr, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", csr, "-CA", self.ca, "-CAkey", self.ca_key, "-CAcreateserial", "-out", pem, "-days", "30", "-extfile", ext)
        return pem, key


class Nginx:
    def __init__(self, directory, pki, workers=2):
        self.dir, self.pki, self.port = directory, pki, free_port()
        self.root = os.path.join(directory, "root")
        for d in ("root", "tmp"):
            os.makedirs(os.path.join(directory, d), exist_ok=True)
        os.chmod(directory, 0o755)
        with open(os.path.join(self.root, "ok"), "w") as f:
            f.write("ok\n")
        user = "user root;" if os.geteuid() == 0 else ""
        conf = os.path.join(directory, "nginx.conf")
        with open(conf, "w") as f:
            f.write(f"""daemon off; {user} worker_processes {workers}; pid {directory}/nginx.pid; error_log {directory}/error.log warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; multi_accept on; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000; keepalive_timeout 300s; client_max_body_size 0; client_body_buffer_size 256k;
  client_body_temp_path {directory}/tmp/body; proxy_temp_path {directory}/tmp/proxy; fastcgi_temp_path {directory}/tmp/fcgi;
  uwsgi_temp_path {directory}/tmp/uwsgi; scgi_temp_path {directory}/tmp/scgi;
  server {{
    listen 127.0.0.1:{self.port} ssl reuseport backlog=4096; server_name localhost;
    ssl_certificate {pki.server}; ssl_certificate_key {pki.server_key}; ssl_protocols TLSv1.3;
    ssl_client_certificate {pki.ca}; ssl_verify_client on; ssl_session_tickets on; ssl_session_cache shared:s:10m;
    root {self.root};
    location / {{ dav_methods PUT DELETE; create_full_put_path on; }}
  }}
}}
""")
        self.process = subprocess.Popen(["nginx", "-c", conf, "-p", directory], stderr=subprocess.DEVNULL)
        wait_for_port(self.port)

    def url(self, name=""):
        return f"https://localhost:{self.port}/{name}"

    def curl_args(self):
        return ["--cacert", self.pki.ca, "--cert", self.pki.client, "--key", self.pki.client_key, "-s", "-S", "--fail"]

    def pids(self):
        out = subprocess.run(["pgrep", "-P", str(self.process.pid)], stdout=subprocess.PIPE, text=True).stdout.split()
        return [self.process.pid] + [int(p) for p in out]

    def clear(self):
        for name in os.listdir(self.root):
            if name != "ok":
                os.unlink(os.path.join(self.root, name))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Sftp:
    """sshd for this user alone, with a fresh host and user key; None when sshd is not installed."""

    def __init__(self, directory):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self.dir, self.port = directory, free_port()
        self.root = os.path.join(directory, "root")
        os.makedirs(self.root, exist_ok=True)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(directory, name)], check=True)
        shutil.copy(os.path.join(directory, "user.pub"), os.path.join(directory, "authorized"))
        os.makedirs("/run/sshd", exist_ok=True)
        conf = os.path.join(directory, "sshd_config")
        with open(conf, "w") as f:
            f.write(f"""Port {self.port}
ListenAddress 127.0.0.1
HostKey {directory}/host
AuthorizedKeysFile {directory}/authorized
PidFile {directory}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
MaxSessions 100
Subsystem sftp internal-sftp
""")
        self.process = subprocess.Popen([shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", conf], stderr=subprocess.DEVNULL)
        wait_for_port(self.port)

    def command(self, batch):
        return ["sftp", "-q", "-b", batch, "-P", str(self.port), "-i", os.path.join(self.dir, "user"), "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "127.0.0.1"]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
