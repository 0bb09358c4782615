/* HFS+ beside APFS: one set of functions for volumes of any kind, and what only HFS+ has.
 * usage: hfs MIXED DIRTY HEADER_COPY DAMAGED FILEVAULT PASSWORD, images that tests/support/hfs_images.rs makes */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apfs.h"

#define STR(text) (const uint8_t *)(text), strlen(text)

static void check(int holds, int line, const char *what) {
    if (!holds) {
        fprintf(stderr, "hfs.c:%d: failed: %s\n", line, what);
        exit(1);
    }
}

#define CHECK(condition) check((condition) != 0, __LINE__, #condition)

static void good(apfs_status status, apfs_error *err, int line) {
    if (status != APFS_STATUS_OK) {
        fprintf(stderr, "hfs.c:%d: %s\n", line, apfs_error_message(err));
        exit(1);
    }
}

#define GOOD(call) good(call, err, __LINE__)

/* The call fails with this status and a message that contains `words`. */
#define FAILS(wanted, words, call)                                                        \
    do {                                                                                  \
        apfs_status status = call;                                                        \
        check(status == (wanted), __LINE__, #call);                                       \
        check(strstr(apfs_error_message(err), words) != NULL, __LINE__, apfs_error_message(err)); \
        apfs_error_free(err);                                                             \
        err = NULL;                                                                       \
    } while (0)

static apfs_error *err = NULL;

static int is(apfs_bytes bytes, const char *text) {
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* The volumes of all partitions are in one list, and each opens by its place in it. */
static void volumes(const apfs_disk *disk) {
    apfs_volume_info list[5];
    size_t n = 0;
    GOOD(apfs_disk_volumes(disk, 0, list, 5, &n, &err));
    CHECK(n == 4);
    const char *names[] = {"Data", "Other", "Macintosh HD", "Dir Links"};
    apfs_volume_kind kinds[] = {APFS_VOLUME_KIND_APFS, APFS_VOLUME_KIND_APFS, APFS_VOLUME_KIND_HFS_PLUS,
                                APFS_VOLUME_KIND_HFSX};
    size_t partitions[] = {0, 0, 1, 2}, slots[] = {0, 1, 0, 0};
    for (size_t i = 0; i < n; i++) {
        CHECK(is(list[i].name, names[i]) && list[i].kind == kinds[i] && list[i].status == APFS_STATUS_OK);
        CHECK(list[i].partition == partitions[i] && list[i].slot == slots[i]);
        const apfs_volume *volume = NULL;
        const apfs_view *view = NULL;
        apfs_volume_info info;
        uint64_t id = 0;
        GOOD(apfs_volume_open_nth(disk, i, &volume, &err));
        GOOD(apfs_volume_get_info(volume, &info, &err));
        CHECK(is(info.name, names[i]) && info.kind == kinds[i] && info.partition == partitions[i]);
        GOOD(apfs_view_open(volume, &view, &err));
        apfs_volume_free(volume);
        CHECK(apfs_view_root(view) == 2);
        GOOD(apfs_view_find(view, STR("/"), 0, &id, &err));
        CHECK(id == 2 && (apfs_view_xid(view) == 0) == (i >= 2));
        apfs_view_free(view);
    }
    CHECK(list[2].flags == APFS_VOLUME_CASE_INSENSITIVE && list[3].flags == 0);
    CHECK(list[2].fs_flags & 0x2000 && list[2].snapshots == 0 && list[2].role == 0);
    GOOD(apfs_disk_volumes(disk, 3, list, 5, &n, &err));
    CHECK(n == 1 && is(list[0].name, "Dir Links"));
    const apfs_volume *volume = NULL;
    FAILS(APFS_STATUS_NOT_FOUND, "there are 4", apfs_volume_open_nth(disk, 4, &volume, &err));
    const apfs_container *container = NULL;
    FAILS(APFS_STATUS_UNSUPPORTED, "HFS+", apfs_container_open(disk, 1, NULL, &container, &err));
    CHECK(volume == NULL && container == NULL);
}

/* What one kind of volume does not have is empty, or says so. */
static void facts(const apfs_disk *disk) {
    const apfs_volume *plus = NULL, *data = NULL;
    const apfs_view *view = NULL;
    apfs_hfs_info info;
    apfs_journal journal;
    apfs_protection protection;
    apfs_snapshot snapshot;
    apfs_secret secret = {APFS_SECRET_PASSWORD, STR("guess")};
    size_t n = 99;
    GOOD(apfs_volume_open_nth(disk, 2, &plus, &err));
    GOOD(apfs_volume_get_hfs_info(plus, &info, &err));
    CHECK(info.flags == (APFS_HFS_CREATED | APFS_HFS_MODIFIED | APFS_HFS_CHECKED));
    CHECK(info.attributes == 0x80002100 && memcmp(info.last_mounted_version, "HFSJ", 4) == 0);
    CHECK(info.block_size == 4096 && info.free_blocks == 37 && info.total_blocks == 311);
    /* 27 that a Mac shows, the journal's two, and what the hard links lead to. */
    CHECK(info.files == 30 && info.folders == 6 && info.next_id > 16 && info.start == 0);
    CHECK(info.finder_info[6] == 0x12345678 && info.finder_info[7] == 0x9abcdef0);
    CHECK(info.created_local_ns == 1700003800 * INT64_C(1000000000) && info.backed_up_ns == 0);
    CHECK(info.modified_ns == 1700000010 * INT64_C(1000000000));
    GOOD(apfs_volume_get_journal(plus, &journal, &err));
    CHECK(journal.state == APFS_JOURNAL_STATE_CLEAN && !journal.replayed && journal.len == 512 << 10);
    CHECK(journal.offset > 0 && journal.start == journal.end && journal.blocks == 0 && !journal.big_endian);
    CHECK(journal.device.len == 0);

    GOOD(apfs_volume_get_protection(plus, &protection, &err));
    CHECK(protection.encryption == APFS_ENCRYPTION_NONE && protection.records == 0);
    CHECK(protection.rolling_percent == -1 && protection.hint.len == 0);
    FAILS(APFS_STATUS_MISUSE, "not encrypted", apfs_volume_unlock(plus, &secret, &err));
    GOOD(apfs_volume_snapshots(plus, 0, &snapshot, 1, &n, &err));
    CHECK(n == 0);
    FAILS(APFS_STATUS_NOT_FOUND, "before", apfs_view_open_snapshot(plus, STR("before"), &view, &err));
    FAILS(APFS_STATUS_NOT_FOUND, "7", apfs_view_open_xid(plus, 7, &view, &err));
    CHECK(view == NULL);
    apfs_volume_free(plus);

    GOOD(apfs_volume_open_nth(disk, 0, &data, &err));
    FAILS(APFS_STATUS_UNSUPPORTED, "not HFS+", apfs_volume_get_hfs_info(data, &info, &err));
    FAILS(APFS_STATUS_UNSUPPORTED, "not HFS+", apfs_volume_get_journal(data, &journal, &err));
    apfs_volume_free(data);
}

static const apfs_view *open_nth(const apfs_disk *disk, size_t nth) {
    const apfs_volume *volume = NULL;
    const apfs_view *view = NULL;
    GOOD(apfs_volume_open_nth(disk, nth, &volume, &err));
    GOOD(apfs_view_open(volume, &view, &err));
    apfs_volume_free(volume);
    return view;
}

/* Entries of a directory, and how many of them are private; one at a time, so that private ones fill batches. */
static size_t list(apfs_dir *dir, size_t *private) {
    apfs_dir_entry entry;
    size_t n = 1, all = 0;
    *private = 0;
    while (n > 0) {
        GOOD(apfs_dir_read(dir, &entry, 1, &n, &err));
        all += n;
        if (n > 0 && entry.known & APFS_DIR_ENTRY_PRIVATE)
            ++*private;
    }
    apfs_dir_free(dir);
    return all;
}

/* A Mac does not show the private folders and the journal; who wants them gets them. */
static void private_entries(const apfs_view *view) {
    apfs_dir *dir = NULL;
    size_t private;
    GOOD(apfs_dir_open(view, apfs_view_root(view), &dir, &err));
    CHECK(list(dir, &private) == 5 && private == 0);
    GOOD(apfs_dir_open_all(view, apfs_view_root(view), &dir, &err));
    CHECK(list(dir, &private) == 9 && private == 4);
    uint64_t file = 0;
    GOOD(apfs_view_find(view, STR("/empty"), 0, &file, &err));
    FAILS(APFS_STATUS_WRONG_KIND, "directory", apfs_dir_open_all(view, file, &dir, &err));
}

/* Forks, hard links, attributes. */
static void files(const apfs_view *view) {
    apfs_stat text, again, empty;
    uint8_t buf[65536];
    uint64_t len = 0;
    size_t n = 0;
    GOOD(apfs_view_stat_path(view, STR("/FOLDER/text"), 0, &text, &err));
    CHECK(text.size == 10 && text.nlink == 2 && text.mode == 0100640 && text.known & APFS_STAT_RESOURCE_SIZE);
    CHECK(text.resource_size == 5000);
    GOOD(apfs_view_stat_path(view, STR("/link"), 0, &again, &err));
    CHECK(again.id == text.id);
    GOOD(apfs_view_stat_path(view, STR("/again"), 0, &again, &err));
    CHECK(again.id == text.id);
    GOOD(apfs_view_read(view, text.id, NULL, 0, buf, sizeof buf, &n, &err));
    CHECK(n == 10 && memcmp(buf, "some text\n", n) == 0);

    apfs_stream fork = {APFS_STREAM_RESOURCE_FORK, NULL, 0}, small = {APFS_STREAM_XATTR, STR("small")};
    GOOD(apfs_view_stat_path(view, STR("/empty"), 0, &empty, &err));
    CHECK(empty.size == 0 && empty.resource_size == 40000);
    GOOD(apfs_view_stream_len(view, empty.id, &fork, &len, &err));
    CHECK(len == 40000);
    GOOD(apfs_view_read(view, empty.id, &fork, 39000, buf, sizeof buf, &n, &err));
    CHECK(n == 1000 && buf[0] == (uint8_t)(39000 * 7 + 39000 / 251));
    apfs_extent runs[32];
    GOOD(apfs_view_extents(view, empty.id, &fork, 0, runs, 32, &n, &err));
    CHECK(n == 10 && runs[0].kind == APFS_EXTENT_KIND_DATA && runs[0].physical % 4096 == 0);
    GOOD(apfs_view_read(view, text.id, &small, 0, buf, sizeof buf, &n, &err));
    CHECK(n == 5 && memcmp(buf, "value", n) == 0);

    /* Both links say which they are; the file itself has the number of neither. */
    apfs_dir *dir = NULL;
    apfs_dir_entry entries[16];
    int found = 0;
    GOOD(apfs_dir_open(view, apfs_view_root(view), &dir, &err));
    GOOD(apfs_dir_read(dir, entries, 16, &n, &err));
    for (size_t i = 0; i < n; i++) {
        if (is(entries[i].name, "again")) {
            CHECK(entries[i].known & APFS_DIR_ENTRY_LINK_ID && entries[i].link_id != text.id);
            CHECK(entries[i].id == text.id);
            found = 1;
        } else {
            CHECK(!(entries[i].known & APFS_DIR_ENTRY_LINK_ID));
        }
    }
    CHECK(found);
    apfs_dir_free(dir);
}

/* A folder with three links has three paths, and so has a file in it by its own and by theirs. */
static void links(const apfs_disk *disk) {
    const char *names[] = {"/a/shared", "/b/shared too", "/b/c/shared three"};
    const apfs_view *view = open_nth(disk, 3);
    const apfs_links *list = NULL;
    apfs_link found[4];
    char path[64];
    uint64_t id = 0;
    size_t n = 0, len = 0;
    int seen = 0;
    GOOD(apfs_view_find(view, STR(names[0]), 0, &id, &err));
    GOOD(apfs_links_open(view, id, &list, &err));
    GOOD(apfs_links_list(list, 0, found, 4, &n, &err));
    CHECK(n == 3);
    for (size_t i = 0; i < n; i++) {
        GOOD(apfs_view_path_of(view, found[i].dir, (uint8_t *)path, sizeof path, &len, &err));
        CHECK(len + found[i].name.len < sizeof path);
        len += (size_t)snprintf(path + len, sizeof path - len, "/%.*s", (int)found[i].name.len,
                                (const char *)found[i].name.data);
        for (int j = 0; j < 3; j++)
            seen |= strcmp(path, names[j]) == 0 ? 1 << j : 0;
    }
    CHECK(seen == 7);
    GOOD(apfs_links_list(list, 2, found, 4, &n, &err));
    CHECK(n == 1);
    apfs_links_free(list);
    GOOD(apfs_view_path_of(view, id, NULL, 0, &len, &err));
    CHECK(len >= strlen(names[0]) && len <= strlen(names[2]));
    FAILS(APFS_STATUS_NOT_FOUND, "", apfs_links_open(view, 9999, &list, &err));
    apfs_links_free(NULL);
    apfs_view_free(view);
}

struct seen {
    const apfs_view *view;
    size_t entries, private, links, errors, stop_after;
};

static int32_t count(void *context, const apfs_scan_entry *entry) {
    struct seen *seen = context;
    if (entry->error != NULL) {
        CHECK(apfs_error_status(entry->error) == APFS_STATUS_CORRUPT);
        apfs_place place;
        CHECK(apfs_error_place(entry->error, &place) && place.structure[0] != 0);
        CHECK(place.known & (APFS_PLACE_NODE | APFS_PLACE_CNID));
        seen->errors++;
        return 0;
    }
    /* The view can be used meanwhile. */
    apfs_stat stat;
    GOOD(apfs_view_stat(seen->view, entry->stat.id, &stat, &err));
    CHECK(stat.size == entry->stat.size && entry->path.len > 0 && entry->path.data[0] == '/');
    seen->entries++;
    seen->private += entry->known & APFS_SCAN_ENTRY_PRIVATE ? 1 : 0;
    seen->links += entry->known & APFS_SCAN_ENTRY_LINK_ID ? 1 : 0;
    return seen->entries == seen->stop_after;
}

/* A scan gives everything once, on every kind of volume, and ends when it is told to. */
static void scans(const apfs_disk *disk) {
    const apfs_view *plus = open_nth(disk, 2), *x = open_nth(disk, 3), *data = open_nth(disk, 0);
    struct seen seen = {plus, 0, 0, 0, 0, 0};
    GOOD(apfs_view_scan(plus, 0, count, &seen, &err));
    CHECK(seen.entries == 32 && seen.private == 0 && seen.links == 2 && seen.errors == 0);
    seen = (struct seen){plus, 0, 0, 0, 0, 0};
    GOOD(apfs_view_scan(plus, APFS_SCAN_PRIVATE, count, &seen, &err));
    /* Two folders, what both hard links lead to, the journal's two files. */
    CHECK(seen.entries == 32 + 5 && seen.private == 5);
    seen = (struct seen){x, 0, 0, 0, 0, 0};
    GOOD(apfs_view_scan(x, 0, count, &seen, &err));
    /* The root, two folders and one inside, 3 links to a folder with five things below; a folder with a file, a file. */
    CHECK(seen.entries == 4 + 3 * 6 + 2 + 1 && seen.private == 0 && seen.links == 3 * 3 + 2);
    CHECK(seen.errors == 0);
    seen = (struct seen){x, 0, 0, 0, 0, 0};
    GOOD(apfs_view_scan(x, APFS_SCAN_PRIVATE, count, &seen, &err));
    CHECK(seen.entries == 19 && seen.links == 7 && seen.errors == 0);
    seen = (struct seen){data, 0, 0, 0, 0, 0};
    GOOD(apfs_view_scan(data, 0, count, &seen, &err));
    CHECK(seen.entries == 2 && seen.errors == 0);
    seen = (struct seen){plus, 0, 0, 0, 0, 3};
    FAILS(APFS_STATUS_CANCELLED, "", apfs_view_scan(plus, 0, count, &seen, &err));
    CHECK(seen.entries == 3);
    FAILS(APFS_STATUS_MISUSE, "flag", apfs_view_scan(plus, 8, count, &seen, &err));
    FAILS(APFS_STATUS_MISUSE, "entry is NULL", apfs_view_scan(plus, 0, NULL, &seen, &err));
    apfs_view_free(plus);
    apfs_view_free(x);
    apfs_view_free(data);
}

/* A volume is shown as its journal leaves it, or as it is stored. */
static void journals(const char *path) {
    const apfs_disk *disk = NULL;
    const apfs_volume *volume = NULL;
    const apfs_view *view = NULL;
    apfs_journal journal;
    apfs_hfs_info info;
    uint64_t id = 0;
    for (int without = 0; without < 2; without++) {
        apfs_options options = apfs_options_default();
        options.flags = without ? APFS_OPTIONS_NO_JOURNAL : 0;
        GOOD(apfs_disk_open(path, &options, &disk, &err));
        GOOD(apfs_volume_open_nth(disk, 0, &volume, &err));
        GOOD(apfs_volume_get_journal(volume, &journal, &err));
        CHECK(journal.state == APFS_JOURNAL_STATE_DIRTY && journal.replayed == !without);
        CHECK(journal.transactions == 1 && journal.blocks > 3 && journal.bytes == journal.blocks * 4096);
        GOOD(apfs_volume_get_hfs_info(volume, &info, &err));
        CHECK(info.flags & APFS_HFS_DIRTY);
        GOOD(apfs_view_open(volume, &view, &err));
        CHECK((apfs_view_find(view, STR("/new"), 0, &id, NULL) == APFS_STATUS_OK) == !without);
        CHECK((apfs_view_find(view, STR("/folder/renamed"), 0, &id, NULL) == APFS_STATUS_OK) == !without);
        CHECK((apfs_view_find(view, STR("/folder/pieces"), 0, &id, NULL) == APFS_STATUS_OK) == without);
        apfs_view_free(view);
        apfs_volume_free(volume);
        apfs_disk_free(disk);
    }
}

static void count_finding(void *context, const apfs_error *finding) {
    CHECK(apfs_error_status(finding) == APFS_STATUS_CORRUPT);
    ++*(int *)context;
}

/* The copy of a damaged header serves, and that is said; so does a classic volume around it. */
static void header_copy(const char *path) {
    const apfs_disk *disk = NULL;
    const apfs_volume *volume = NULL;
    apfs_hfs_info info;
    int findings = 0;
    apfs_options options = apfs_options_default();
    options.finding = count_finding;
    options.finding_context = &findings;
    GOOD(apfs_disk_open(path, &options, &disk, &err));
    GOOD(apfs_volume_open_nth(disk, 0, &volume, &err));
    GOOD(apfs_volume_get_hfs_info(volume, &info, &err));
    CHECK(info.flags & APFS_HFS_FROM_COPY && info.flags & APFS_HFS_WRAPPED && info.start > 0);
    CHECK(!(info.flags & APFS_HFS_DIRTY) && findings > 0);
    apfs_volume_free(volume);
    apfs_disk_free(disk);
}

/* A damaged node costs what is in it: an entry with an error, and the rest. */
static void damaged(const char *path) {
    const apfs_disk *disk = NULL;
    GOOD(apfs_disk_open(path, NULL, &disk, &err));
    const apfs_view *view = open_nth(disk, 0);
    struct seen seen = {view, 0, 0, 0, 0, 0};
    GOOD(apfs_view_scan(view, 0, count, &seen, &err));
    CHECK(seen.errors > 0 && seen.entries > 190 && seen.entries < 202);
    apfs_view_free(view);
    apfs_disk_free(disk);
}

/* An encrypted volume on CoreStorage is in the list and says what it needs; a password among the options opens it. */
static void filevault(const char *path, const char *password) {
    const apfs_disk *disk = NULL;
    const apfs_volume *volume = NULL;
    apfs_volume_info info;
    uint64_t id = 0;
    size_t n = 0;
    GOOD(apfs_disk_open(path, NULL, &disk, &err));
    GOOD(apfs_disk_volumes(disk, 0, &info, 1, &n, &err));
    CHECK(n == 1 && info.status == APFS_STATUS_LOCKED && info.kind == APFS_VOLUME_KIND_UNKNOWN);
    CHECK(apfs_volume_open_nth(disk, 0, &volume, &err) == APFS_STATUS_LOCKED && volume == NULL);
    CHECK(apfs_error_lock_reason(err) == APFS_LOCK_REASON_NEEDS_SECRET);
    apfs_error_free(err);
    err = NULL;
    apfs_disk_free(disk);

    apfs_secret secret = {APFS_SECRET_PASSWORD, STR(password)};
    apfs_options options = apfs_options_default();
    options.secrets = &secret;
    options.secret_count = 1;
    GOOD(apfs_disk_open(path, &options, &disk, &err));
    GOOD(apfs_disk_volumes(disk, 0, &info, 1, &n, &err));
    CHECK(n == 1 && info.status == APFS_STATUS_OK && info.kind == APFS_VOLUME_KIND_HFS_PLUS);
    const apfs_view *view = open_nth(disk, 0);
    GOOD(apfs_view_find(view, STR("/file"), 0, &id, &err));
    apfs_view_free(view);
    apfs_disk_free(disk);
}

int main(int argc, char **argv) {
    CHECK(argc == 7);
    const apfs_disk *disk = NULL;
    GOOD(apfs_disk_open(argv[1], NULL, &disk, &err));
    volumes(disk);
    facts(disk);
    scans(disk);
    links(disk);
    const apfs_view *view = open_nth(disk, 2);
    apfs_disk_free(disk);
    private_entries(view);
    files(view);
    apfs_view_free(view);
    journals(argv[2]);
    header_copy(argv[3]);
    damaged(argv[4]);
    filevault(argv[5], argv[6]);
    puts("ok");
    return 0;
}
