/* The server itself: the one child of the first process, its output, its end. */

static sigset_t watched;
static const char *closed[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"};
static int out[2], err[2], problem[2];

/* The child becomes the server: its own root, user, namespaces; no capability and no way to get one. */
static void become(void) {
  for (int i = 0; i < limitc; i++)
    if (setrlimit(limits[i].which, &limits[i].limit) != 0) goto failed;
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "") != 0) goto failed;
  for (int i = 0; i < 5; i++) /* as runc does: a user root without capabilities could write there */
    if (mount(closed[i], closed[i], NULL, MS_BIND | MS_REC, NULL) == 0 && mount(NULL, closed[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) goto failed;
  sigprocmask(SIG_UNBLOCK, &watched, NULL);
  dup2(open("/dev/null", O_RDONLY), 0);
  dup2(out[1], 1);
  dup2(err[1], 2);
  for (int capability = 0; capability <= 63; capability++) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (setgroups(groupc, groups) != 0 || setresgid(gid, gid, gid) != 0) goto failed;
  /* SECBIT_NOROOT, locked: root is a user like any other, capabilities(7). */
  if (prctl(PR_SET_SECUREBITS, 3, 0, 0, 0) != 0 || setresuid(uid, uid, uid) != 0) goto failed;
  unsigned header[2] = {0x20080522, 0}, none[6] = {0};
  if (syscall(SYS_capset, header, none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) goto failed;
  if (chdir(folder) != 0) { argv[0] = "chdir"; goto failed; }
  for (int i = 0; i < envc; i++)
    if (strncmp(envp[i], "PATH=", 5) == 0) putenv(envp[i]);
  execvpe(argv[0], argv, envp);
failed:;
  int number = errno;
  if (write(problem[1], &number, sizeof number) < 0) _exit(126);
  _exit(127);
}

static int pump(int from, int to) {
  char bytes[4096];
  ssize_t length = read(from, bytes, sizeof bytes);
  for (char *at = bytes; length > 0;) {
    ssize_t done = write(to, at, length);
    if (done < 0) return 1;
    at += done;
    length -= done;
  }
  return length >= 0 ? 1 : errno == EAGAIN;
}

/* struct input_event of the kernel's linux/input.h. */
struct input { long seconds, microseconds; unsigned short type, code; int value; };

static void watch_button(pid_t server) {
  for (struct input seen; read(button, &seen, sizeof seen) == sizeof seen;) {
    if (seen.type != 1 || seen.code != 116 || seen.value != 1) continue; /* EV_KEY, KEY_POWER, pressed */
    tell("the power button was pressed");
    kill(server, stop_signal);
    alarm(grace);
  }
}

/* `stop SIGNAL`, with a line's end. */
static void obey(pid_t server) {
  char order[64];
  if (button >= 0) return watch_button(server);
  ssize_t length = read(control, order, sizeof order - 1);
  if (length <= 0) return;
  order[length] = 0;
  if (strncmp(order, "stop ", 5) == 0) kill(server, atoi(order + 5));
}

static long killed_for_memory(void) {
  char text[16384];
  ssize_t length = pread(memory, text, sizeof text - 1, 0);
  text[length < 0 ? 0 : length] = 0;
  char *at = strstr(text, "oom_kill ");
  return at ? atol(at + 9) : 0;
}

/* Whether the server has its port of UDP open to others. Lines of proc_net(5): `N: ADDRESS:PORT REMOTE:PORT STATE …`. */
static int has_opened(int table) {
  static char text[65536];
  size_t length = 0;
  char *rest = text, address[40];
  unsigned number, state;
  if (table < 0 || lseek(table, 0, SEEK_SET) != 0) return 0;
  for (ssize_t done; (done = read(table, text + length, sizeof text - 1 - length)) > 0;) length += done;
  text[length] = 0;
  for (char *line; (line = strsep(&rest, "\n"));)
    if (sscanf(line, " %*d: %39[0-9A-F]:%x %*[0-9A-F]:%*x %x", address, &number, &state) == 3 && number == datagram_port && state == 7 && /* TCP_CLOSE: connected to no one */
        strcmp(address + strlen(address) - 2, "7F") != 0 && strcmp(address, "00000000000000000000000001000000") != 0) return 1;
  return 0;
}

/* The server is the first process of its own namespace: when it ends, the kernel ends all the others. */
static pid_t start(void) {
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 || pipe2(problem, O_CLOEXEC) != 0) fail("making", "pipes");
  /* A server may open /dev/stderr again, as its own user. */
  if (fchown(out[1], uid, gid) != 0 || fchown(err[1], uid, gid) != 0) fail("giving away", "pipes");
  fcntl(out[0], F_SETFL, O_NONBLOCK);
  fcntl(err[0], F_SETFL, O_NONBLOCK);
  pid_t server = syscall(SYS_clone, SIGCHLD | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID, 0, 0, 0, 0);
  if (server < 0) fail("making", "the server's process");
  if (server == 0) become();
  int number;
  close(problem[1]);
  if (read(problem[0], &number, sizeof number) == sizeof number) {
    errno = number;
    fail("exec", argv[0]);
  }
  return server;
}

static void serve(void) {
  argv[argc] = envp[envc] = NULL;
  errno = EINVAL;
  if (argc == 0) fail("finding", "a command to run");
  int code;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigaddset(&watched, SIGIO);
  sigaddset(&watched, SIGALRM);
  sigprocmask(SIG_BLOCK, &watched, NULL);
  int signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
  /* A port that no one has open at the other end is ready all the time, so it is not waited for: it sends SIGIO. */
  if (signals < 0) fail("watching", "signals");
  if (control >= 0 && (fcntl(control, F_SETOWN, getpid()) != 0 || fcntl(control, F_SETFL, O_NONBLOCK | O_ASYNC) != 0)) fail("watching", "orders");
  pid_t server = start();
  tell("started");
  for (pid_t ended = 0; ended != server;) {
    struct pollfd all[] = {{out[0], POLLIN}, {err[0], POLLIN}, {signals, POLLIN}};
    struct signalfd_siginfo got;
    poll(all, 3, datagram_port ? 100 : -1);
    if (datagram_port && (has_opened(datagrams[0]) || has_opened(datagrams[1]))) {
      tell("open %d", datagram_port);
      datagram_port = 0;
    }
    if (all[0].revents) pump(out[0], output);
    if (all[1].revents) pump(err[0], errors);
    while (read(signals, &got, sizeof got) > 0)
      if (got.ssi_signo == SIGALRM) kill(server, SIGKILL);
    obey(server);
    while ((ended = waitpid(-1, &code, WNOHANG)) > 0 && ended != server);
  }
  for (struct pollfd left[] = {{out[0], POLLIN}, {err[0], POLLIN}}; poll(left, 2, 0) > 0;) {
    if (left[0].revents & POLLIN) pump(out[0], output);
    if (left[1].revents & POLLIN) pump(err[0], errors);
  }
  int number = WIFSIGNALED(code) ? 128 + WTERMSIG(code) : WEXITSTATUS(code);
  tell(number != 0 && killed_for_memory() > 0 ? "exit %d memory" : "exit %d", number);
}
