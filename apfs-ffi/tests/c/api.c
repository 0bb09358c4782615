/* Every part of the interface, on the image that tests/run.rs makes.
 * usage: api IMAGE DAMAGED_ROOT DAMAGED_BLOCK DAMAGED_DIRECTORY VERSION SPARSE_IMAGE */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apfs.h"

#define STR(text) (const uint8_t *)(text), strlen(text)

static void check(int holds, int line, const char *what) {
    if (!holds) {
        fprintf(stderr, "api.c:%d: failed: %s\n", line, what);
        exit(1);
    }
}

#define CHECK(condition) check((condition) != 0, __LINE__, #condition)

/* The call succeeds and leaves the error object alone. */
#define GOOD(call)                                                                        \
    do {                                                                                  \
        apfs_error *err = NULL;                                                           \
        apfs_status status = call;                                                        \
        if (status != APFS_STATUS_OK) {                                                   \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,                 \
                    apfs_error_message(err));                                             \
            exit(1);                                                                      \
        }                                                                                 \
        CHECK(err == NULL);                                                               \
    } while (0)

/* The call fails with this status, and the error object says so in a message that contains `words`. */
#define FAILS(wanted, words, call)                                                        \
    do {                                                                                  \
        apfs_error *err = NULL;                                                           \
        CHECK((call) == (wanted));                                                        \
        CHECK(err != NULL && apfs_error_status(err) == (wanted));                         \
        if (strstr(apfs_error_message(err), words) == NULL) {                             \
            fprintf(stderr, "%s:%d: no \"%s\" in: %s\n", __FILE__, __LINE__, words,       \
                    apfs_error_message(err));                                             \
            exit(1);                                                                      \
        }                                                                                 \
        apfs_error_free(err);                                                             \
    } while (0)

static int is(apfs_bytes bytes, const char *text) {
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

/* The macros of the header are those of the library, each of them. */
static void versions(const char *wanted) {
    unsigned major, minor, patch;
    CHECK(sscanf(wanted, "%u.%u.%u", &major, &minor, &patch) == 3);
    CHECK(strcmp(APFS_VERSION, wanted) == 0);
    CHECK(strcmp(apfs_version(), wanted) == 0);
    CHECK(APFS_VERSION_MAJOR == major);
    CHECK(APFS_VERSION_MINOR == minor);
    CHECK(APFS_VERSION_PATCH == patch);
    CHECK(APFS_VERSION_NUMBER == ((major << 16) | (minor << 8) | patch));
    CHECK(apfs_version_number() == APFS_VERSION_NUMBER);
}

static void statuses(void) {
    CHECK(strcmp(apfs_status_text(APFS_STATUS_NOT_FOUND), "not found") == 0);
    CHECK(strcmp(apfs_status_text(12345), "unknown status") == 0);
    CHECK(apfs_error_status(NULL) == APFS_STATUS_OK);
    CHECK(strcmp(apfs_error_message(NULL), "no error") == 0);
    CHECK(apfs_error_damage(NULL) == 0);
    CHECK(!apfs_error_place(NULL, NULL));
}

static void partitions(const apfs_disk *disk) {
    apfs_partition partition[2];
    size_t n = 0, first = 99;
    GOOD(apfs_disk_partitions(disk, 0, partition, 2, &n, &err));
    CHECK(n == 1 && partition[0].index == 0 && partition[0].content == APFS_CONTENT_APFS);
    CHECK(partition[0].start == 0 && partition[0].len > 0 && partition[0].label.len == 0);
    GOOD(apfs_disk_partitions(disk, 1, partition, 2, &n, &err));
    CHECK(n == 0);
    GOOD(apfs_disk_first_apfs(disk, &first, &err));
    CHECK(first == 0);
    FAILS(APFS_STATUS_MISUSE, "out is NULL", apfs_disk_partitions(disk, 0, NULL, 2, &n, &err));
    CHECK(n == 0);
}

/* A disk image around the disk is taken off and listed; it can be left where it is. */
static void layers(const char *raw, const char *sparse) {
    const apfs_disk *disk = NULL;
    apfs_layer layer[2];
    apfs_partition partition;
    size_t n = 99;
    GOOD(apfs_disk_open(raw, NULL, &disk, &err));
    CHECK(is(apfs_disk_scheme(disk), "none"));
    GOOD(apfs_disk_layers(disk, 0, layer, 2, &n, &err));
    CHECK(n == 0);
    GOOD(apfs_disk_partitions(disk, 0, &partition, 1, &n, &err));
    uint64_t len = partition.len;
    apfs_disk_free(disk);

    GOOD(apfs_disk_open(sparse, NULL, &disk, &err));
    GOOD(apfs_disk_layers(disk, 0, layer, 2, &n, &err));
    CHECK(n == 1 && is(layer[0].format, "sparseimage") && is(layer[0].name, "sparse disk image"));
    CHECK(layer[0].len >= len && layer[0].len < len + 512);
    GOOD(apfs_disk_partitions(disk, 0, &partition, 1, &n, &err));
    CHECK(n == 1 && partition.content == APFS_CONTENT_APFS && is(partition.content_text, "APFS container"));
    CHECK(partition.type_byte == 0 && partition.type_text.len == 0);
    apfs_disk_free(disk);

    apfs_options options = apfs_options_default();
    options.open_as = "sparseimage";
    GOOD(apfs_disk_open(sparse, &options, &disk, &err));
    apfs_disk_free(disk);
    disk = NULL;
    FAILS(APFS_STATUS_CORRUPT, "", apfs_disk_open(raw, &options, &disk, &err));
    options.open_as = "raw";
    GOOD(apfs_disk_open(sparse, &options, &disk, &err));
    GOOD(apfs_disk_layers(disk, 0, layer, 2, &n, &err));
    CHECK(n == 0);
    apfs_disk_free(disk);
    disk = NULL;
    options.open_as = "tape";
    FAILS(APFS_STATUS_MISUSE, "open_as", apfs_disk_open(sparse, &options, &disk, &err));
    CHECK(apfs_disk_scheme(NULL).len == 0 && disk == NULL);
}

/* What is encrypted says what it needs, and takes nothing else. */
static void locks(const char *path, const apfs_container *container) {
    const apfs_volume *volume = NULL;
    const apfs_view *view = NULL;
    const apfs_disk *disk = NULL;
    apfs_error *err = NULL;
    apfs_protection protection;
    apfs_unlock_record record;
    apfs_volume_info info;
    size_t n = 99;
    uint8_t key[32] = {7};
    apfs_secret password = {APFS_SECRET_PASSWORD, STR("guess")}, raw = {APFS_SECRET_KEY, key, sizeof key};

    /* A volume without a keybag: nothing opens it. */
    GOOD(apfs_volume_open(container, 1, &volume, &err));
    GOOD(apfs_volume_get_info(volume, &info, &err));
    CHECK(info.flags & APFS_VOLUME_LOCKED);
    GOOD(apfs_volume_get_protection(volume, &protection, &err));
    CHECK(protection.encryption != APFS_ENCRYPTION_NONE && protection.records == 0);
    CHECK(protection.flags == 0 && protection.hint.len == 0 && protection.rolling_percent == -1);
    GOOD(apfs_volume_unlock_records(volume, 0, &record, 1, &n, &err));
    CHECK(n == 0);
    CHECK(apfs_view_open(volume, &view, &err) == APFS_STATUS_LOCKED);
    apfs_lock_reason reason = apfs_error_lock_reason(err);
    CHECK(reason == APFS_LOCK_REASON_NO_KEY || reason == APFS_LOCK_REASON_PER_FILE_KEYS);
    CHECK(strcmp(apfs_lock_reason_text(reason), "unknown") != 0);
    apfs_error_free(err);
    FAILS(APFS_STATUS_LOCKED, "Secret", apfs_volume_unlock(volume, &password, &err));
    FAILS(APFS_STATUS_LOCKED, "Secret", apfs_volume_unlock(volume, &raw, &err));
    FAILS(APFS_STATUS_MISUSE, "secret is NULL", apfs_volume_unlock(volume, NULL, &err));
    apfs_secret wrong = {77, key, sizeof key}, none = {APFS_SECRET_KEY, NULL, 4};
    FAILS(APFS_STATUS_MISUSE, "kind", apfs_volume_unlock(volume, &wrong, &err));
    FAILS(APFS_STATUS_MISUSE, "data", apfs_volume_unlock(volume, &none, &err));
    apfs_volume_free(volume);

    /* One that is not encrypted needs no unlocking. */
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    GOOD(apfs_volume_get_protection(volume, &protection, &err));
    CHECK(protection.encryption == APFS_ENCRYPTION_NONE && protection.records == 0);
    FAILS(APFS_STATUS_MISUSE, "not encrypted", apfs_volume_unlock(volume, &password, &err));
    apfs_volume_free(volume);

    apfs_options options = apfs_options_default();
    options.secret_count = 2;
    FAILS(APFS_STATUS_MISUSE, "secrets", apfs_disk_open(path, &options, &disk, &err));
    apfs_secret both[2] = {password, raw};
    options.secrets = both;
    GOOD(apfs_disk_open(path, &options, &disk, &err));
    apfs_disk_free(disk);
    CHECK(apfs_error_lock_reason(NULL) == APFS_LOCK_REASON_NONE);
    CHECK(strcmp(apfs_lock_reason_text(APFS_LOCK_REASON_WRONG_SECRET), "wrong-secret") == 0);
    CHECK(strcmp(apfs_lock_reason_text(1234), "unknown") == 0);
}

static void container_and_volumes(const apfs_container *container) {
    apfs_container_info info;
    GOOD(apfs_container_get_info(container, &info, &err));
    CHECK(info.block_size == 4096 && info.block_count > 0 && info.xid > 0 && info.flags == 0);
    CHECK(memcmp(info.uuid, "test container..", 16) == 0);

    apfs_volume_info volumes[3];
    size_t n = 0;
    GOOD(apfs_container_volumes(container, 0, volumes, 3, &n, &err));
    CHECK(n == 2);
    CHECK(volumes[0].slot == 0 && volumes[0].status == APFS_STATUS_OK && is(volumes[0].name, "Data"));
    CHECK(volumes[0].role == 0x40 && volumes[0].snapshots == 1);
    CHECK(memcmp(volumes[0].group, "group of volumes", 16) == 0);
    CHECK(volumes[0].flags == APFS_VOLUME_CASE_INSENSITIVE);
    CHECK(is(volumes[1].name, "Secret") && volumes[1].flags & APFS_VOLUME_ENCRYPTED);
    GOOD(apfs_container_volumes(container, 1, volumes, 3, &n, &err));
    CHECK(n == 1 && volumes[0].slot == 1);
    GOOD(apfs_container_volumes(container, 0, NULL, 0, &n, &err));
    CHECK(n == 0);

    const apfs_volume *volume = NULL;
    FAILS(APFS_STATUS_NOT_FOUND, "volume 77", apfs_volume_open(container, 77, &volume, &err));
    CHECK(volume == NULL);
    GOOD(apfs_volume_open(container, 1, &volume, &err));
    const apfs_view *view = NULL;
    FAILS(APFS_STATUS_LOCKED, "Secret", apfs_view_open(volume, &view, &err));
    CHECK(view == NULL);
    apfs_volume_free(volume);
}

static void listing(const apfs_view *view) {
    apfs_dir *dir = NULL;
    GOOD(apfs_dir_open(view, apfs_view_root(view), &dir, &err));
    apfs_dir_entry entries[8];
    size_t n = 0, seen = 0;
    GOOD(apfs_dir_read(dir, entries, 8, &n, &err));
    CHECK(n == 4);
    for (size_t i = 0; i < n; i++) {
        apfs_kind kind = entries[i].kind;
        seen |= is(entries[i].name, "docs") && kind == APFS_KIND_DIR ? 1 : 0;
        seen |= is(entries[i].name, "link") && kind == APFS_KIND_SYMLINK ? 2 : 0;
        seen |= is(entries[i].name, "many") && kind == APFS_KIND_DIR ? 4 : 0;
        seen |= is(entries[i].name, "holes") && kind == APFS_KIND_FILE ? 8 : 0;
    }
    CHECK(seen == 15);
    GOOD(apfs_dir_read(dir, entries, 8, &n, &err));
    CHECK(n == 0);
    FAILS(APFS_STATUS_MISUSE, "cap", apfs_dir_read(dir, entries, 0, &n, &err));
    apfs_dir_free(dir);
}

/* Small batches, one after the other, give every entry once. */
static void batches(const apfs_view *view) {
    uint64_t id = 0;
    apfs_dir *dir = NULL;
    GOOD(apfs_view_lookup(view, apfs_view_root(view), STR("MANY"), &id, &err));
    GOOD(apfs_dir_open(view, id, &dir, &err));
    char seen[300] = {0};
    apfs_dir_entry entries[7];
    size_t n = 0, total = 0;
    for (;;) {
        GOOD(apfs_dir_read(dir, entries, 7, &n, &err));
        if (n == 0) break;
        for (size_t i = 0; i < n; i++) {
            char name[16] = {0};
            unsigned number;
            CHECK(entries[i].name.len < sizeof name);
            memcpy(name, entries[i].name.data, entries[i].name.len);
            CHECK(sscanf(name, "file %u", &number) == 1 && number < 300 && !seen[number]);
            seen[number] = 1;
            total++;
        }
    }
    CHECK(total == 300);
    apfs_dir_free(dir);
}

static void files(const apfs_view *view) {
    apfs_stat by_path, by_id, link;
    GOOD(apfs_view_stat_path(view, STR("/docs/hello.txt"), 0, &by_path, &err));
    CHECK(by_path.kind == APFS_KIND_FILE && by_path.size == 10000 && by_path.mode == 0100644);
    CHECK(by_path.uid == 501 && by_path.nlink == 1 && by_path.known & APFS_STAT_MODIFIED);
    CHECK(!(by_path.known & APFS_STAT_COMPRESSION) && by_path.modified_ns > 0);
    GOOD(apfs_view_stat(view, by_path.id, &by_id, &err));
    CHECK(by_id.id == by_path.id && by_id.size == by_path.size && by_id.parent == by_path.parent);

    uint8_t buf[16384];
    size_t n = 0;
    uint64_t len = 0;
    GOOD(apfs_view_read(view, by_id.id, NULL, 0, buf, sizeof buf, &n, &err));
    CHECK(n == 10000 && memcmp(buf, "new!", 4) == 0);
    for (size_t i = 4096; i < n; i++) CHECK(buf[i] == 'o');
    GOOD(apfs_view_read(view, by_id.id, NULL, 9998, buf, sizeof buf, &n, &err));
    CHECK(n == 2);
    GOOD(apfs_view_read(view, by_id.id, NULL, 10000, buf, sizeof buf, &n, &err));
    CHECK(n == 0);
    apfs_stream raw = {APFS_STREAM_RAW, NULL, 0}, wrong = {77, NULL, 0};
    GOOD(apfs_view_stream_len(view, by_id.id, &raw, &len, &err));
    CHECK(len == 10000);
    FAILS(APFS_STATUS_MISUSE, "unknown kind", apfs_view_stream_len(view, by_id.id, &wrong, &len, &err));
    FAILS(APFS_STATUS_WRONG_KIND, "directory",
          apfs_view_read(view, apfs_view_root(view), NULL, 0, buf, sizeof buf, &n, &err));

    GOOD(apfs_view_stat_path(view, STR("link"), APFS_NO_FOLLOW, &link, &err));
    CHECK(link.kind == APFS_KIND_SYMLINK && link.size == strlen("docs/hello.txt"));
    GOOD(apfs_view_stat_path(view, STR("link"), 0, &by_id, &err));
    CHECK(by_id.id == by_path.id);
    GOOD(apfs_view_read_link(view, link.id, NULL, 0, &n, &err));
    CHECK(n == link.size);
    buf[0] = '?';
    GOOD(apfs_view_read_link(view, link.id, buf, 3, &n, &err));
    CHECK(n == link.size && buf[0] == '?');
    GOOD(apfs_view_read_link(view, link.id, buf, sizeof buf, &n, &err));
    CHECK(n == link.size && memcmp(buf, "docs/hello.txt", n) == 0);
    FAILS(APFS_STATUS_WRONG_KIND, "link", apfs_view_read_link(view, by_id.id, buf, sizeof buf, &n, &err));

    uint64_t id = 0;
    FAILS(APFS_STATUS_NOT_FOUND, "nothing", apfs_view_find(view, STR("/docs/nothing"), 0, &id, &err));
    CHECK(id == 0);
    CHECK(apfs_view_find(view, STR("/docs/nothing"), 0, &id, NULL) == APFS_STATUS_NOT_FOUND);
    FAILS(APFS_STATUS_MISUSE, "flag", apfs_view_find(view, STR("/docs"), 64, &id, &err));
}

static void extents(const apfs_view *view) {
    uint64_t id = 0, from = 0, end = 0;
    apfs_extent run;
    size_t n = 0, holes = 0, data = 0;
    GOOD(apfs_view_find(view, STR("/holes"), 0, &id, &err));
    for (;;) {
        GOOD(apfs_view_extents(view, id, NULL, from, &run, 1, &n, &err));
        if (n == 0) break;
        CHECK(run.logical == from);
        if (run.kind == APFS_EXTENT_KIND_DATA) {
            data++;
            CHECK(run.physical % 4096 == 0 && run.physical > 0);
        } else {
            holes++;
            CHECK(run.kind == APFS_EXTENT_KIND_HOLE && run.physical == 0);
        }
        end = from = run.logical + run.len;
    }
    CHECK(holes == 2 && data == 1 && end >= 300000);
}

static void xattrs(const apfs_view *view) {
    uint64_t id = 0, len = 0;
    const apfs_xattrs *list = NULL;
    apfs_xattr found[4];
    size_t n = 0;
    GOOD(apfs_view_find(view, STR("/docs/hello.txt"), 0, &id, &err));
    GOOD(apfs_xattrs_open(view, id, &list, &err));
    GOOD(apfs_xattrs_list(list, 0, found, 4, &n, &err));
    CHECK(n == 2);
    CHECK(is(found[0].name, "large") && found[0].size == 9000);
    CHECK(is(found[1].name, "user.color") && found[1].size == 4);
    GOOD(apfs_xattrs_list(list, 2, found, 4, &n, &err));
    CHECK(n == 0);
    apfs_xattrs_free(list);

    uint8_t buf[16384];
    apfs_stream color = {APFS_STREAM_XATTR, STR("user.color")};
    GOOD(apfs_view_read(view, id, &color, 0, buf, sizeof buf, &n, &err));
    CHECK(n == 4 && memcmp(buf, "blue", 4) == 0);
    apfs_stream large = {APFS_STREAM_XATTR, STR("large")};
    GOOD(apfs_view_stream_len(view, id, &large, &len, &err));
    CHECK(len == 9000);
    GOOD(apfs_view_read(view, id, &large, 8000, buf, sizeof buf, &n, &err));
    CHECK(n == 1000 && buf[0] == 7 && buf[999] == 7);
    apfs_stream none = {APFS_STREAM_XATTR, STR("none")};
    FAILS(APFS_STATUS_NOT_FOUND, "", apfs_view_read(view, id, &none, 0, buf, sizeof buf, &n, &err));
    apfs_stream null = {APFS_STREAM_XATTR, NULL, 4};
    FAILS(APFS_STATUS_MISUSE, "stream.name", apfs_view_read(view, id, &null, 0, buf, sizeof buf, &n, &err));
}

static void snapshots(const apfs_volume *volume) {
    apfs_snapshot list[3];
    size_t n = 0;
    GOOD(apfs_volume_snapshots(volume, 0, list, 3, &n, &err));
    CHECK(n == 1 && is(list[0].name, "before") && list[0].xid > 0 && list[0].flags == 0);

    const apfs_view *by_name = NULL, *by_xid = NULL;
    GOOD(apfs_view_open_snapshot(volume, list[0].name.data, list[0].name.len, &by_name, &err));
    GOOD(apfs_view_open_xid(volume, list[0].xid, &by_xid, &err));
    CHECK(apfs_view_xid(by_name) == list[0].xid && apfs_view_xid(by_xid) == list[0].xid);
    uint8_t buf[4];
    uint64_t id = 0;
    GOOD(apfs_view_find(by_name, STR("/docs/hello.txt"), 0, &id, &err));
    GOOD(apfs_view_read(by_xid, id, NULL, 0, buf, sizeof buf, &n, &err));
    CHECK(n == 4 && memcmp(buf, "oooo", 4) == 0);
    apfs_view_free(by_xid);
    by_xid = NULL;
    FAILS(APFS_STATUS_NOT_FOUND, "after", apfs_view_open_snapshot(volume, STR("after"), &by_xid, &err));
    FAILS(APFS_STATUS_NOT_FOUND, "999", apfs_view_open_xid(volume, 999, &by_xid, &err));
    CHECK(by_xid == NULL);
    apfs_view_free(by_name);
}

/* NULL where something is needed is an error that names the parameter; where nothing is needed it is nothing. */
static void nulls(const char *path) {
    const apfs_disk *disk = NULL;
    const apfs_container *container = NULL;
    apfs_stat stat;
    size_t n;
    FAILS(APFS_STATUS_MISUSE, "path is NULL", apfs_disk_open(NULL, NULL, &disk, &err));
    FAILS(APFS_STATUS_MISUSE, "out is NULL", apfs_disk_open(path, NULL, NULL, &err));
    FAILS(APFS_STATUS_MISUSE, "disk is NULL", apfs_container_open(NULL, 0, NULL, &container, &err));
    FAILS(APFS_STATUS_MISUSE, "view is NULL", apfs_view_stat(NULL, 2, &stat, &err));
    FAILS(APFS_STATUS_MISUSE, "dir is NULL", apfs_dir_read(NULL, NULL, 0, &n, &err));
    FAILS(APFS_STATUS_MISUSE, "data", apfs_disk_open_memory(NULL, 5, NULL, &disk, &err));
    FAILS(APFS_STATUS_MISUSE, "source", apfs_disk_open_source(NULL, NULL, &disk, &err));
    CHECK(apfs_view_stat(NULL, 2, &stat, NULL) == APFS_STATUS_MISUSE);
    CHECK(apfs_view_root(NULL) == 0 && apfs_view_xid(NULL) == 0);
    CHECK(disk == NULL && container == NULL);
    apfs_disk_free(NULL);
    apfs_container_free(NULL);
    apfs_volume_free(NULL);
    apfs_view_free(NULL);
    apfs_dir_free(NULL);
    apfs_xattrs_free(NULL);
    apfs_error_free(NULL);

    apfs_options wrong = apfs_options_default();
    wrong.checksums = 9;
    FAILS(APFS_STATUS_MISUSE, "checksums", apfs_disk_open(path, &wrong, &disk, &err));
    FAILS(APFS_STATUS_IO, "", apfs_disk_open("no such file", NULL, &disk, &err));
}

static const apfs_view *open_live(const apfs_disk *disk, const apfs_options *options, const apfs_volume **volume) {
    const apfs_container *container = NULL;
    const apfs_view *view = NULL;
    GOOD(apfs_container_open(disk, 0, options, &container, &err));
    GOOD(apfs_volume_open(container, 0, volume, &err));
    apfs_container_free(container);
    GOOD(apfs_view_open(*volume, &view, &err));
    return view;
}

static void count_finding(void *context, const apfs_error *finding) {
    CHECK(apfs_error_status(finding) == APFS_STATUS_CORRUPT && apfs_error_damage(finding) == 1);
    ++*(int *)context;
}

/* Damage is an error with its place; told to report, the library says it and goes on. */
static void damage(const char *path, uint64_t block) {
    const apfs_disk *disk = NULL;
    const apfs_container *container = NULL;
    const apfs_volume *volume = NULL;
    const apfs_view *view = NULL;
    apfs_error *err = NULL;
    GOOD(apfs_disk_open(path, NULL, &disk, &err));
    GOOD(apfs_container_open(disk, 0, NULL, &container, &err));
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    apfs_status status = apfs_view_open(volume, &view, &err);
    CHECK(status == APFS_STATUS_CORRUPT && apfs_error_status(err) == status && view == NULL);
    apfs_place place;
    CHECK(apfs_error_damage(err) == 1 && apfs_error_place(err, &place));
    CHECK(place.structure[0] != 0 && strcmp(place.field, "o_cksum") == 0);
    CHECK(place.known & APFS_PLACE_BLOCK && place.block == block);
    CHECK(place.known & APFS_PLACE_OID && place.oid > 0);
    CHECK(strstr(apfs_error_message(err), place.structure) != NULL);
    apfs_error_free(err);
    apfs_volume_free(volume);
    apfs_container_free(container);

    int findings = 0;
    apfs_options options = apfs_options_default();
    options.checksums = APFS_CHECKSUMS_REPORT;
    options.finding = count_finding;
    options.finding_context = &findings;
    view = open_live(disk, &options, &volume);
    CHECK(findings > 0);
    apfs_view_free(view);
    apfs_volume_free(volume);
    apfs_disk_free(disk);
}

/* A damaged part of a directory is one error; the listing goes on behind it and ends. */
static void damaged_directory(const char *path) {
    const apfs_disk *disk = NULL;
    const apfs_volume *volume = NULL;
    GOOD(apfs_disk_open(path, NULL, &disk, &err));
    const apfs_view *view = open_live(disk, NULL, &volume);
    apfs_disk_free(disk);
    uint64_t id = 0;
    apfs_dir *dir = NULL;
    GOOD(apfs_view_find(view, STR("/many"), 0, &id, &err));
    GOOD(apfs_dir_open(view, id, &dir, &err));
    apfs_dir_entry entries[64];
    size_t n = 1, before = 0, behind = 0, errors = 0;
    while (n > 0) {
        apfs_error *err = NULL;
        apfs_status status = apfs_dir_read(dir, entries, 64, &n, &err);
        if (status == APFS_STATUS_OK) {
            *(errors == 0 ? &before : &behind) += n;
        } else {
            CHECK(status == APFS_STATUS_CORRUPT && ++errors < 3);
        }
        apfs_error_free(err);
    }
    CHECK(errors == 1 && before > 0 && behind > 0 && before + behind < 300);
    apfs_dir_free(dir);
    apfs_view_free(view);
    apfs_volume_free(volume);
}

struct memory {
    uint8_t *bytes;
    size_t len;
    int reads, released, failing;
    int inside; /* calls running now */
};

static int32_t read_memory(void *context, uint64_t offset, uint8_t *buf, size_t len) {
    struct memory *memory = context;
    /* No lock here: the library makes one call at a time. */
    CHECK(++memory->inside == 1);
    memory->reads++;
    sched_yield(); /* gives another thread the chance to come in */
    CHECK(offset <= memory->len && len <= memory->len - offset);
    memcpy(buf, memory->bytes + offset, len);
    memory->inside--;
    return memory->failing ? 42 : 0;
}

static void release_memory(void *context) {
    ((struct memory *)context)->released++;
}

static struct memory load(const char *path) {
    struct memory memory = {0};
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    memory.len = (size_t)ftell(file);
    rewind(file);
    memory.bytes = malloc(memory.len);
    CHECK(memory.bytes != NULL && fread(memory.bytes, 1, memory.len, file) == memory.len);
    fclose(file);
    return memory;
}

/* One view serves any number of threads. */
static void *read_all(void *argument) {
    const apfs_view *view = argument;
    for (int i = 0; i < 3; i++) {
        files(view);
        batches(view);
    }
    return NULL;
}

/* The caller's memory and the caller's functions are devices; the context is released once, failed or not. */
static void sources(const char *path) {
    struct memory memory = load(path);
    const apfs_disk *disk = NULL;
    const apfs_volume *volume = NULL;
    GOOD(apfs_disk_open_memory(memory.bytes, memory.len, NULL, &disk, &err));
    const apfs_view *view = open_live(disk, NULL, &volume);
    apfs_disk_free(disk);
    listing(view);
    apfs_view_free(view);
    apfs_volume_free(volume);

    apfs_source source = {read_memory, release_memory, &memory, memory.len, 0};
    GOOD(apfs_disk_open_source(&source, NULL, &disk, &err));
    apfs_options small = apfs_options_default();
    small.cache_bytes = 65536;
    view = open_live(disk, &small, &volume);
    apfs_disk_free(disk);
    CHECK(memory.reads > 0 && memory.released == 0);
    files(view);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, read_all, (void *)view) == 0);
    for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    uint64_t id = 0;
    uint8_t buf[16];
    size_t n = 0;
    GOOD(apfs_view_find(view, STR("/docs/hello.txt"), 0, &id, &err));
    memory.failing = 1;
    FAILS(APFS_STATUS_IO, "42", apfs_view_read(view, id, NULL, 0, buf, sizeof buf, &n, &err));
    apfs_view_free(view);
    CHECK(memory.released == 0);
    apfs_volume_free(volume);
    CHECK(memory.released == 1);

    disk = NULL;
    source.flags = APFS_SOURCE_PARALLEL;
    FAILS(APFS_STATUS_IO, "42", apfs_disk_open_source(&source, NULL, &disk, &err));
    CHECK(disk == NULL && memory.released == 2);
    source.read = NULL;
    FAILS(APFS_STATUS_MISUSE, "read", apfs_disk_open_source(&source, NULL, &disk, &err));
    CHECK(memory.released == 2);
    free(memory.bytes);
}

int main(int argc, char **argv) {
    CHECK(argc == 7);
    versions(argv[5]);
    statuses();
    nulls(argv[1]);

    const apfs_disk *disk = NULL;
    const apfs_container *container = NULL;
    const apfs_volume *volume = NULL;
    GOOD(apfs_disk_open(argv[1], NULL, &disk, &err));
    partitions(disk);
    GOOD(apfs_container_open(disk, 0, NULL, &container, &err));
    container_and_volumes(container);
    locks(argv[1], container);
    layers(argv[1], argv[6]);
    apfs_container_free(container);
    const apfs_view *view = open_live(disk, NULL, &volume);
    apfs_disk_free(disk);
    apfs_volume_info info;
    GOOD(apfs_volume_get_info(volume, &info, &err));
    CHECK(is(info.name, "Data"));
    snapshots(volume);
    apfs_volume_free(volume);
    /* What a view is made from is freed; the view stays usable. */
    listing(view);
    batches(view);
    files(view);
    extents(view);
    xattrs(view);
    apfs_view_free(view);

    sources(argv[1]);
    damage(argv[2], strtoull(argv[3], NULL, 10));
    damaged_directory(argv[4]);
    puts("ok");
    return 0;
}
