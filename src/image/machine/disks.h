/* The layers of the image: disks of their own, or partitions whose every block is checked when it is read. */

/* By number of the layer: what it is mounted from when it is checked, else nothing. */
static char checked[MOST][32];

/* struct dm_ioctl and struct dm_target_spec of the kernel's linux/dm-ioctl.h, which the C library does not have. */
struct mapper {
  unsigned version[3], size, start, targets;
  int opened;
  unsigned flags, event, padding;
  unsigned long long device;
  char name[128], uuid[129], rest[7];
};
struct target {
  unsigned long long start, sectors;
  int status;
  unsigned next;
  char type[16], words[512];
};
enum { create = 3, resume = 6, load = 9, read_only = 1 };

static void ask_mapper(int mapper, int order, struct mapper *request, const char *name) {
  request->version[0] = 4;
  request->size = order == load ? sizeof *request + sizeof(struct target) : sizeof *request;
  request->start = sizeof *request;
  snprintf(request->name, sizeof request->name, "%s", name);
  if (ioctl(mapper, 3u << 30 | sizeof *request << 16 | 0xfd << 8 | order, request) != 0) fail("checking", name);
}

/*
 * A partition of BLOCKS blocks of 4096 bytes, one block that describes what follows, and the hash tree over the blocks, whose root is HASH
 * (kernel: Documentation/admin-guide/device-mapper/verity.rst). A block that does not match stops the machine.
 */
static void layer(int number, const char *partition, const char *blocks, const char *hash) {
  struct { struct mapper head; struct target target; } request;
  char wanted[64], source[64], name[16];
  errno = EINVAL;
  if (number < 0 || number >= MOST) fail("numbering", partition);
  snprintf(wanted, sizeof wanted, "PARTNAME=%s", partition);
  device("/sys/class/block", "uevent", wanted, source);
  snprintf(name, sizeof name, "layer-%d", number);
  int mapper = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
  if (mapper < 0) fail("opening", "/dev/mapper/control");
  memset(&request, 0, sizeof request);
  ask_mapper(mapper, create, &request.head, name);
  snprintf(checked[number], sizeof *checked, "/dev/dm-%u", minor(request.head.device));
  memset(&request, 0, sizeof request);
  request.head.targets = 1;
  request.head.flags = read_only;
  request.target.sectors = strtoull(blocks, NULL, 10) * 8;
  strcpy(request.target.type, "verity");
  snprintf(request.target.words, sizeof request.target.words, "1 /dev/%s /dev/%s 4096 4096 %s %llu sha256 %s - 1 panic_on_corruption",
    source, source, blocks, strtoull(blocks, NULL, 10) + 1, hash);
  ask_mapper(mapper, load, &request.head, name);
  memset(&request, 0, sizeof request.head);
  ask_mapper(mapper, resume, &request.head, name);
  close(mapper);
}

/*
 * COUNT disks, the lowest layer first, and memory above them become the root file system. The memory takes what the configuration
 * places, until `seal`: after that nothing can be written.
 */
static void root(int count) {
  static char options[4096];
  char serial[32], name[64], source[80], at[32];
  mkdir("/layers", 0700);
  for (int i = count - 1; i >= 0; i--) {
    snprintf(serial, sizeof serial, "layer-%d", i);
    if (i < MOST && *checked[i]) strcpy(source, checked[i]);
    else {
      device("/sys/block", "serial", serial, name);
      snprintf(source, sizeof source, "/dev/%s", name);
    }
    snprintf(at, sizeof at, "/layers/%d", i);
    mkdir(at, 0700);
    mounted(source, at, "erofs", MS_RDONLY, "");
    snprintf(options + strlen(options), sizeof options - strlen(options), "%s/layers/%d", *options ? ":" : "lowerdir=", i);
  }
  mkdir("/placed", 0700);
  mounted("placed", "/placed", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  mkdir("/placed/upper", 0755);
  mkdir("/placed/work", 0700);
  strncat(options, ",upperdir=/placed/upper,workdir=/placed/work", sizeof options - strlen(options) - 1);
  mkdir("/root", 0755);
  mounted("overlay", "/root", "overlay", 0, options);
  if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
    fail("entering", "the root file system");
}
