/* System and Data as one tree, against what tests/support/macs.rs describes.
 * usage: mac MAC LOCKED PASSWORD */
#define PROGRAM "mac.c"
#include "checks.h"

/* Number of the first object of System. */
#define S UINT64_C(0x0FFFFFFF00000010)

static const apfs_container *open_container(const char *path) {
    const apfs_disk *disk = NULL;
    const apfs_container *container = NULL;
    GOOD(apfs_disk_open(path, NULL, &disk, &err));
    GOOD(apfs_container_open(disk, 0, NULL, &container, &err));
    apfs_disk_free(disk);
    return container;
}

static void members(const apfs_groups *groups) {
    apfs_group list[2];
    size_t n = 0;
    GOOD(apfs_groups_list(groups, 0, list, 2, &n, &err));
    CHECK(n == 1 && memcmp(list[0].id, "group of a mac..", 16) == 0 && is(list[0].name, "Mac"));
    CHECK(list[0].members == 4 && list[0].problems == 0);
    apfs_member all[5];
    GOOD(apfs_groups_members(groups, 0, 0, all, 5, &n, &err));
    CHECK(n == 4);
    const char *names[] = {"Mac", "Mac - Data", "Preboot", "VM"};
    const uint16_t roles[] = {1, 0x40, 0x10, 8};
    for (size_t i = 0; i < n; i++) {
        CHECK(is(all[i].name, names[i]) && all[i].slot == i && all[i].role == roles[i]);
        CHECK(is(all[i].directory, i < 2 ? "" : names[i]));
    }
    CHECK(all[0].membership == APFS_MEMBERSHIP_SYSTEM && all[1].membership == APFS_MEMBERSHIP_DATA);
    CHECK(all[2].membership == APFS_MEMBERSHIP_COMPANION && all[3].membership == APFS_MEMBERSHIP_COMPANION);
    GOOD(apfs_groups_members(groups, 0, 4, all, 5, &n, &err));
    CHECK(n == 0);
    FAILS(APFS_STATUS_NOT_FOUND, "group 1", apfs_groups_members(groups, 1, 0, all, 5, &n, &err));
    const apfs_problems *problems = NULL;
    apfs_problem problem;
    for (size_t nth = 0; nth != 1; nth = nth == 0 ? (size_t)-1 : 1) {
        GOOD(apfs_groups_problems(groups, nth, &problems, &err));
        GOOD(apfs_problems_list(problems, 0, &problem, 1, &n, &err));
        CHECK(n == 0);
        apfs_problems_free(problems);
    }
}

static void reads(const apfs_view *view, const char *path, const char *wanted) {
    uint64_t id = 0;
    uint8_t buf[64];
    size_t n = 0;
    GOOD(apfs_view_find(view, STR(path), 0, &id, &err));
    GOOD(apfs_view_read(view, id, NULL, 0, buf, sizeof buf, &n, &err));
    CHECK(n == strlen(wanted) && memcmp(buf, wanted, n) == 0);
}

static apfs_backing behind(const apfs_view *view, const char *path) {
    uint64_t id = 0;
    apfs_backing found;
    GOOD(apfs_view_find(view, STR(path), APFS_NO_FOLLOW, &id, &err));
    GOOD(apfs_view_backing(view, id, &found, &err));
    return found;
}

static void backing(const apfs_view *view) {
    apfs_backing found = behind(view, "/bin/sh");
    CHECK(found.reached == APFS_REACHED_SYSTEM && found.slot == 0 && found.role == 1 && found.id == S + 10);
    CHECK(is(found.snapshot, "com.apple.os.update-0123456789ABCDEF") && found.at.len == 0);
    found = behind(view, "/Users/ada/notes");
    CHECK(found.reached == APFS_REACHED_FIRMLINK && found.slot == 1 && found.role == 0x40 && found.id == 23);
    CHECK(is(found.at, "/Users") && is(found.target, "/Users") && found.snapshot.len == 0);
    CHECK(found.source == APFS_FIRMLINK_SOURCE_ATTRIBUTE);
    found = behind(view, "/private/etc/hosts");
    CHECK(found.id == 31 && is(found.at, "/private") && found.source == APFS_FIRMLINK_SOURCE_LIST);
    found = behind(view, "/System/Volumes/Data/left/over");
    CHECK(found.reached == APFS_REACHED_MOUNT && is(found.at, "/System/Volumes/Data") && found.id == 27);
    found = behind(view, "/System/Volumes/VM/swapfile0");
    CHECK(found.reached == APFS_REACHED_MOUNT && found.slot == 3 && found.id == 16);
}

static void firmlinks(const apfs_view *view) {
    apfs_firmlink links[8];
    size_t n = 0;
    GOOD(apfs_view_firmlinks(view, 0, links, 8, &n, &err));
    const char *paths[] = {"/Applications", "/System/Library/Caches", "/Users", "/private", "/usr/local"};
    CHECK(n == 5);
    for (size_t i = 0; i < n; i++) {
        CHECK(is(links[i].path, paths[i]) && is(links[i].target, paths[i]));
        CHECK(links[i].source == (i % 2 ? APFS_FIRMLINK_SOURCE_LIST : APFS_FIRMLINK_SOURCE_ATTRIBUTE));
    }
    const apfs_problems *problems = NULL;
    apfs_problem problem[2];
    GOOD(apfs_view_problems(view, &problems, &err));
    GOOD(apfs_problems_list(problems, 0, problem, 2, &n, &err));
    CHECK(n == 1 && is(problem[0].word, "not-on-system") && is(problem[0].path, "/AppleInternal"));
    CHECK(problem[0].usual && problem[0].text.len > 0);
    apfs_problems_free(problems);
}

static int32_t count(void *context, const apfs_scan_entry *entry) {
    CHECK(entry->error == NULL);
    ++*(size_t *)context;
    return 0;
}

static void whole(const apfs_view *view) {
    size_t shown = 0;
    GOOD(apfs_view_scan(view, 0, count, &shown, &err));
    CHECK(shown == 36);
    apfs_dir *dir = NULL;
    apfs_dir_entry entries[10];
    size_t n = 0;
    GOOD(apfs_dir_open(view, apfs_view_root(view), &dir, &err));
    GOOD(apfs_dir_read(dir, entries, 10, &n, &err));
    CHECK(n == 7);
    apfs_dir_free(dir);
    reads(view, "/bin/sh", "shell");
    reads(view, "/Users/ada/shell", "shell");
    reads(view, "/etc/hosts", "localhost");
    reads(view, "/System/Volumes/Preboot/boot/kernel", "a kernel");
}

/* Other states than a Mac shows. */
static void options(const apfs_groups *groups) {
    const apfs_view *view = NULL;
    uint64_t id = 0;
    apfs_merge_options options = {0};
    options.flags = APFS_MERGE_SYSTEM_LIVE;
    GOOD(apfs_view_open_merged(groups, 0, &options, &view, &err));
    reads(view, "/bin/too new", "not yet");
    apfs_view_free(view);
    options.flags = APFS_MERGE_WITHOUT_DATA;
    GOOD(apfs_view_open_merged(groups, 0, &options, &view, &err));
    reads(view, "/bin/sh", "shell");
    FAILS(APFS_STATUS_NOT_FOUND, "", apfs_view_find(view, STR("/Users/ada"), 0, &id, &err));
    FAILS(APFS_STATUS_NOT_FOUND, "", apfs_view_find(view, STR("/bin/too new"), 0, &id, &err));
    apfs_view_free(view);
    view = NULL;
    options.flags = 0;
    options.system = (const uint8_t *)"com.apple.os.update-0123456789ABCDEF";
    options.system_len = strlen((const char *)options.system);
    GOOD(apfs_view_open_merged(groups, 0, &options, &view, &err));
    CHECK(apfs_view_xid(view) == 0);
    apfs_view_free(view);
    view = NULL;
    options.system_len = 3;
    FAILS(APFS_STATUS_NOT_FOUND, "snapshot com", apfs_view_open_merged(groups, 0, &options, &view, &err));
    options.flags = 77;
    FAILS(APFS_STATUS_MISUSE, "flag", apfs_view_open_merged(groups, 0, &options, &view, &err));
    FAILS(APFS_STATUS_NOT_FOUND, "group 3", apfs_view_open_merged(groups, 3, NULL, &view, &err));
    CHECK(view == NULL);
}

/* A locked Data volume is said to be one, and is joined once it is unlocked. */
static void locked(const char *path, const char *password) {
    const apfs_container *container = open_container(path);
    const apfs_groups *groups = NULL;
    const apfs_view *view = NULL;
    const apfs_volume *data = NULL;
    apfs_secret secret = {APFS_SECRET_PASSWORD, STR(password)};
    GOOD(apfs_groups_open(container, &groups, &err));
    FAILS(APFS_STATUS_LOCKED, "Mac - Data", apfs_view_open_merged(groups, 0, NULL, &view, &err));
    GOOD(apfs_volume_open(container, 1, &data, &err));
    GOOD(apfs_volume_unlock(data, &secret, &err));
    apfs_volume_free(data);
    GOOD(apfs_view_open_merged(groups, 0, NULL, &view, &err));
    apfs_groups_free(groups);
    apfs_container_free(container);
    reads(view, "/Users/ada/notes", "some notes");
    apfs_view_free(view);
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    const apfs_container *container = open_container(argv[1]);
    const apfs_groups *groups = NULL;
    const apfs_view *view = NULL;
    const apfs_volume *volume = NULL;
    apfs_backing found;
    GOOD(apfs_groups_open(container, &groups, &err));
    members(groups);
    options(groups);
    GOOD(apfs_view_open_merged(groups, 0, NULL, &view, &err));
    apfs_groups_free(groups);
    backing(view);
    FAILS(APFS_STATUS_NOT_FOUND, "", apfs_view_backing(view, 12345, &found, &err));
    firmlinks(view);
    whole(view);
    apfs_view_free(view);
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    GOOD(apfs_view_open(volume, &view, &err));
    FAILS(APFS_STATUS_UNSUPPORTED, "merged", apfs_view_backing(view, 2, &found, &err));
    apfs_view_free(view);
    apfs_volume_free(volume);
    apfs_container_free(container);
    apfs_groups_free(NULL);
    apfs_problems_free(NULL);
    locked(argv[2], argv[3]);
    puts("ok");
    return 0;
}
