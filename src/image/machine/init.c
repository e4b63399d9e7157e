/*
 * The first process of a virtual machine: it makes the server that its configuration describes, runs it as its only child, and
 * switches the machine off when that has ended. There is no shell and no other program.
 *
 * The configuration is a list of records, each `NAME LENGTH\n` and LENGTH bytes: the fields of the record, each ended by a zero
 * byte. guest-config.ts writes them; they are carried out in their order. What cannot be done is told on the console and as
 * `failed WHAT` on the status port, and ends the machine.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of a machine that boots from a disk, in its initial memory disk; of one that a hypervisor of Kiln runs, from there. */
#define OF_DISK "/config"
#define OF_HOST "/sys/firmware/qemu_fw_cfg/by_name/opt/kiln/config/raw"
#define MOST 256

static char *argv[4096], *envp[4096];
static int argc, envc, control = -1, button = -1, stop_signal = SIGTERM, grace = 10, status = -1, output, errors, memory, kernel_log;
static uid_t uid;
static gid_t gid, groups[MOST];
static int groupc;
static const char *folder = "/";
static struct { int which; struct rlimit limit; } limits[32];
static int limitc;
/* Tables of the kernel's sockets of UDP, and the port that the server is to open; 0: none. */
static int datagrams[2], datagram_port;

/* On the status port; on the console of a machine that has none. */
static void tell(const char *format, ...) {
  char line[512];
  va_list rest;
  va_start(rest, format);
  int length = vsnprintf(line, sizeof line - 1, format, rest);
  va_end(rest);
  if (status < 0) {
    fprintf(stderr, "kiln: %s\n", line);
    return;
  }
  if (length > (int)sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  if (write(status, line, length) < 0) return;
}

static void off(void) {
  if (write(kernel_log, "0", 1) < 0) tell("noisy"); /* that it goes off is no news: a panic is */
  reboot(RB_POWER_OFF);
  for (;;) pause();
}

static void fail(const char *what, const char *about) {
  int number = errno;
  if (status >= 0) fprintf(stderr, "kiln: %s %s: %s\n", what, about, strerror(number));
  tell("failed %s %s: %s", what, about, strerror(number));
  off();
}

static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) fail("writing", path);
  close(fd);
}

static void mounted(const char *source, const char *at, const char *type, unsigned long flags, const char *options) {
  if (mount(source, at, type, flags, options) != 0) fail("mounting", at);
}

/* Modules are named in their order, one a line. A driver may find nothing to drive, and then those that need it cannot be loaded. */
static void load_modules(void) {
  char list[4096], path[300];
  int fd = open("/modules", O_RDONLY | O_CLOEXEC);
  int length = fd < 0 ? -1 : read(fd, list, sizeof list - 1);
  if (length < 0) fail("reading", "/modules");
  close(fd);
  list[length] = 0;
  for (char *name = strtok(list, "\n"); name; name = strtok(NULL, "\n")) {
    snprintf(path, sizeof path, "/lib/%s", name);
    int module = open(path, O_RDONLY | O_CLOEXEC);
    if (module < 0) fail("opening", path);
    if (syscall(SYS_finit_module, module, "", 0) != 0 && errno != EEXIST && errno != ENODEV && errno != ENOENT) fail("loading", name);
    close(module);
  }
}

/* The name of the device in FOLDER of /sys whose FILE has this line, or none. */
static int find(const char *folder_, const char *file, const char *value, char *name) {
  char path[512], text[1024];
  DIR *all = opendir(folder_);
  if (!all) return 0;
  int found = 0;
  for (struct dirent *one; !found && (one = readdir(all));) {
    snprintf(path, sizeof path, "%s/%s/%s", folder_, one->d_name, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (length < 0) continue;
    text[length] = 0;
    for (char *line = strtok(text, "\n"); line && !found; line = strtok(NULL, "\n"))
      if (strcmp(line, value) == 0) found = snprintf(name, 64, "%s", one->d_name);
  }
  closedir(all);
  return found;
}

/* Devices come a moment after their drivers. */
static void device(const char *folder_, const char *file, const char *value, char *name) {
  for (int tries = 0; !find(folder_, file, value, name); tries++) {
    errno = ENODEV;
    if (tries == 5000) fail("waiting for", value);
    usleep(2000);
  }
}

static int port(const char *value, int flags) {
  char name[64], path[80];
  device("/sys/class/virtio-ports", "name", value, name);
  snprintf(path, sizeof path, "/dev/%s", name);
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) fail("opening", value);
  return fd;
}

#include "disks.h"

static void parents(char *path) {
  for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
    *at = 0;
    mkdir(path, 0755);
    *at = '/';
  }
}

/* One that the image has stays as it is. */
static void make_folder(char *path, mode_t mode, uid_t owner, gid_t group) {
  struct stat there;
  parents(path);
  if (stat(path, &there) == 0 && S_ISDIR(there.st_mode)) return;
  if (mkdir(path, 0700) != 0 || chown(path, owner, group) != 0 || chmod(path, mode) != 0) fail("making", path);
}

static void place(char *path, mode_t mode, uid_t owner, gid_t group, const char *bytes, size_t length) {
  parents(path);
  unlink(path); /* the image may have a link there that leads nowhere */
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) fail("making", path);
  while (length > 0) {
    ssize_t done = write(fd, bytes, length);
    if (done < 0) fail("writing", path);
    bytes += done;
    length -= done;
  }
  if (fchown(fd, owner, group) != 0 || fchmod(fd, mode) != 0) fail("giving away", path);
  close(fd);
}

#include "network.h"
#include "dhcp.h"

static unsigned long flags_of(const char *names) {
  static const struct { const char *name; unsigned long flag; } all[] = {
    {"ro", MS_RDONLY}, {"nosuid", MS_NOSUID}, {"nodev", MS_NODEV}, {"noexec", MS_NOEXEC}, {"bind", MS_BIND}, {"remount", MS_REMOUNT}};
  unsigned long flags = 0;
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
    if (strstr(names, all[i].name)) flags |= all[i].flag;
  return flags;
}

/* One record; FIELDS has COUNT fields, and LENGTH bytes are left from the last one on. */
static void carry_out(const char *name, char **field, int count, size_t length) {
#define IS(text, fields) (strcmp(name, text) == 0 && count >= fields)
  if (IS("root", 1)) root(atoi(field[0]));
  else if (IS("host", 1)) sethostname(field[0], strlen(field[0]));
  else if (IS("layer", 4)) layer(atoi(field[0]), field[1], field[2], field[3]);
  else if (IS("dhcp", 0)) dhcp();
  else if (IS("names", 0)) place_names();
  else if (IS("stop", 2)) { stop_signal = atoi(field[0]); grace = atoi(field[1]); }
  else if (IS("network", 4)) network(field[0], field[1], field[2], field[3]);
  else if (IS("folder", 4)) make_folder(field[0], strtol(field[1], NULL, 8), atol(field[2]), atol(field[3]));
  else if (IS("seal", 0)) mounted(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
  else if (IS("file", 5)) place(field[0], strtol(field[1], NULL, 8), atol(field[2]), atol(field[3]), field[4], length);
  else if (IS("mount", 5)) mounted(field[0], field[1], field[2], flags_of(field[3]), field[4]);
  else if (IS("device", 3)) { if (mknod(field[0], S_IFCHR | 0666, makedev(atoi(field[1]), atoi(field[2]))) != 0 || chmod(field[0], 0666) != 0) fail("making", field[0]); }
  else if (IS("link", 2)) { if (symlink(field[0], field[1]) != 0) fail("making", field[1]); }
  else if (IS("set", 2)) put(field[0], field[1]);
  else if (IS("user", 2)) { uid = atol(field[0]); gid = atol(field[1]); }
  else if (IS("group", 1) && groupc < MOST) groups[groupc++] = atol(field[0]);
  else if (IS("limit", 3) && limitc < 32) { limits[limitc].which = atoi(field[0]); limits[limitc].limit.rlim_cur = strtoull(field[1], NULL, 10); limits[limitc++].limit.rlim_max = strtoull(field[2], NULL, 10); }
  else if (IS("datagrams", 1)) datagram_port = atoi(field[0]);
  else if (IS("cwd", 1)) folder = field[0];
  else if (IS("env", 1) && envc < 4095) envp[envc++] = field[0];
  else if (IS("arg", 1) && argc < 4095) argv[argc++] = field[0];
  else { errno = EINVAL; fail("reading the record", name); }
}

static void configure(const char *from) {
  int fd = open(from, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("opening", from);
  size_t length = 0, room = 65536;
  char *text = malloc(room + 1);
  for (ssize_t done; (done = read(fd, text + length, room - length)) != 0; length += done) {
    if (done < 0) fail("reading", from);
    if (length + done == room) text = realloc(text, (room *= 2) + 1);
    if (!text) fail("reading", from);
  }
  close(fd);
  text[length] = 0;
  errno = EINVAL;
  for (char *at = text; at < text + length;) {
    char *field[8], *name = at, *size = strchr(at, ' '), *body = strchr(at, '\n');
    if (!size || !body) fail("reading", from);
    *size++ = 0;
    *body++ = 0;
    char *end = body + strtoul(size, NULL, 10), *next = body;
    if (end > text + length) fail("reading", from);
    int count = 0;
    for (; next < end && count < 5; next += strlen(next) + 1) field[count++] = next;
    at = end;
    /* The last field is content, which may have any bytes; its own end is not part of it. */
    carry_out(name, field, count, count == 0 ? 0 : end - field[count - 1] - 1);
  }
}

#include "serve.h"

static void open_ports(void) {
  status = port("kiln.status", O_WRONLY);
  control = port("kiln.control", O_RDWR | O_NONBLOCK);
  output = port("kiln.stdout", O_WRONLY);
  errors = port("kiln.stderr", O_WRONLY);
}

/* A machine that boots from a disk has a console and a power button. */
static void open_console(void) {
  char name[64], path[80] = "";
  output = errors = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
  if (output < 0) fail("opening", "/dev/console");
  if (!find("/sys/class/input", "device/name", "Power Button", name)) return;
  snprintf(path, sizeof path, "/dev/input/%s", name);
  button = control = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

int main(void) {
  mounted("dev", "/dev", "devtmpfs", 0, "");
  mounted("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  mounted("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
  load_modules();
  int of_disk = access(OF_DISK, F_OK) == 0;
  if (of_disk) open_console();
  else open_ports();
  memory = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
  kernel_log = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);
  datagrams[0] = open("/proc/net/udp", O_RDONLY | O_CLOEXEC);
  datagrams[1] = open("/proc/net/udp6", O_RDONLY | O_CLOEXEC);
  tell("booted");
  configure(of_disk ? OF_DISK : OF_HOST);
  serve();
  off();
}
