/* Snapshots, older checkpoints, and what differs between them: the sample, whose changes its builder describes.
 * usage: states SAMPLE */
#define PROGRAM "states.c"
#include "checks.h"

static const apfs_view *view_at(const apfs_volume *volume, const char *wanted) {
    const apfs_view *view = NULL;
    GOOD(apfs_view_open_at(volume, STR(wanted), &view, &err));
    return view;
}

/* A snapshot says all that is kept of it, and is found by each of its marks. */
static void snapshots(const apfs_volume *volume) {
    apfs_snapshot list[3];
    size_t n = 0;
    GOOD(apfs_volume_snapshots(volume, 0, list, 3, &n, &err));
    CHECK(n == 2 && is(list[0].name, "before") && is(list[1].name, "between"));
    CHECK(list[0].xid == 2 && list[1].xid == 3 && list[0].flags == 0 && list[0].stored_flags == 0);
    CHECK(list[1].created_ns == 1700000003000000000 && list[1].changed_ns == 1700000003000000000);
    CHECK(memcmp(list[1].uuid, "snapshot\0\0\0\0\0\0\0\3", 16) == 0);

    const char *marks[] = {"between", "3", "0x3", "736E6170-7368-6F74-0000-000000000003",
                           "2023-11-14", "2023-11-14 22:13:23"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const apfs_view *view = view_at(volume, marks[i]);
        CHECK(apfs_view_xid(view) == 3);
        apfs_view_free(view);
    }
    const apfs_view *view = view_at(volume, "2023-11-14 22:13:22");
    CHECK(apfs_view_xid(view) == 2);
    apfs_view_free(view);
    view = NULL;
    FAILS(APFS_STATUS_NOT_FOUND, "2023-11-13", apfs_view_open_at(volume, STR("2023-11-13"), &view, &err));
    FAILS(APFS_STATUS_MISUSE, "wanted", apfs_view_open_at(volume, NULL, 3, &view, &err));
    CHECK(view == NULL);
}

#define ADD(...)                                                                          \
    do {                                                                                  \
        int added = snprintf(text + at, room - at, __VA_ARGS__);                          \
        CHECK(added >= 0 && (size_t)added < room - at);                                   \
        at += (size_t)added;                                                              \
    } while (0)

/* One line for each change, in the order of the files' numbers. */
static void describe(const apfs_delta *delta, size_t nth, const apfs_change *change, char *text, size_t room) {
    static const char letters[] = "-CDRM";
    size_t at = 0;
    ADD("%c %.*s", letters[change->op], (int)change->path.len, (const char *)change->path.data);
    if (change->known & APFS_CHANGE_OLD_PATH)
        ADD(" from %.*s", (int)change->old_path.len, (const char *)change->old_path.data);
    if (change->fields) ADD(" %" PRIx32, change->fields);
    apfs_range range;
    size_t n = 0;
    for (size_t i = 0; i < change->range_count; i++) {
        GOOD(apfs_delta_ranges(delta, nth, i, &range, 1, &n, &err));
        CHECK(n == 1);
        ADD(" %" PRIu64 "+%" PRIu64, range.offset, range.len);
    }
    GOOD(apfs_delta_ranges(delta, nth, change->range_count, &range, 1, &n, &err));
    CHECK(n == 0);
    apfs_xattr_change xattr;
    for (size_t i = 0; i < change->xattr_count; i++) {
        GOOD(apfs_delta_xattrs(delta, nth, i, &xattr, 1, &n, &err));
        ADD(" %c%.*s", "?+-~"[xattr.op], (int)xattr.name.len, (const char *)xattr.name.data);
    }
}

static void differ(const apfs_view *from, const apfs_view *to, size_t batch, const char *const *wanted) {
    apfs_delta *delta = NULL;
    apfs_change changes[8];
    size_t n = 0, seen = 0;
    GOOD(apfs_delta_open(from, to, &delta, &err));
    for (;;) {
        GOOD(apfs_delta_read(delta, changes, batch, &n, &err));
        if (n == 0) break;
        for (size_t i = 0; i < n; i++, seen++) {
            char text[400];
            describe(delta, i, &changes[i], text, sizeof text);
            if (wanted[seen] == NULL || strcmp(text, wanted[seen]) != 0) {
                fprintf(stderr, "change %zu is: %s\n", seen, text);
                exit(1);
            }
            CHECK((changes[i].known & APFS_CHANGE_BEFORE) || changes[i].op == APFS_OP_CREATED);
            CHECK((changes[i].known & APFS_CHANGE_AFTER) || changes[i].op == APFS_OP_DELETED);
        }
    }
    CHECK(wanted[seen] == NULL);
    apfs_delta_stats stats;
    GOOD(apfs_delta_get_stats(delta, &stats, &err));
    CHECK(stats.changes == seen && (seen == 0 || (stats.leaves[0] > 0 && stats.leaves[1] > 0)));
    FAILS(APFS_STATUS_MISUSE, "cap", apfs_delta_read(delta, changes, 0, &n, &err));
    apfs_range range;
    FAILS(APFS_STATUS_NOT_FOUND, "change 7", apfs_delta_ranges(delta, 7, 0, &range, 1, &n, &err));
    apfs_delta_free(delta);
}

/* 110: entries and times of a directory; 80300: content and times; 8: one more name; 200: attributes. */
static const char *const BEFORE_TO_BETWEEN[] = {
    "M / 110",
    "M /README.txt 8",
    "C /Links/Readme again.txt",
    "M /Documents 110",
    "M /Documents/Haiku.txt 80300 0+76",
    "M /Documents/Projects/2026/Plan.md 80320 0+87",
    "R /Trash/Old notes.txt from /Documents/Old notes.txt",
    "M /Trash 110",
    "C /Links",
    "C /Links/Plan",
    "C /Links/Pictures",
    "C /Links/Nowhere",
    NULL,
};
static const char *const BETWEEN_TO_LIVE[] = {
    "M / 110",
    "M /README.txt 200 +org.example.language",
    "M /Documents/Projects/2026/Budget.csv 2",
    "D /Trash/Old notes.txt",
    "M /Pictures 200 +org.example.note",
    "M /Pictures/Gradient.pgm 200 +org.example.thumbnail",
    "M /Trash 110",
    "C /Special",
    "C /Special/empty",
    "C /Special/sparse.bin",
    "C /Special/fragmented.txt",
    "C /Special/pipe",
    NULL,
};
static const char *const NOTHING[] = {NULL};

static void changes(const apfs_volume *volume, const apfs_volume *older) {
    const apfs_view *before = view_at(volume, "before"), *between = view_at(volume, "between"), *live = NULL;
    GOOD(apfs_view_open(volume, &live, &err));
    for (size_t batch = 1; batch <= 8; batch += 7) {
        differ(before, between, batch, BEFORE_TO_BETWEEN);
        differ(between, live, batch, BETWEEN_TO_LIVE);
        differ(live, live, batch, NOTHING);
    }
    /* A comparison keeps what it needs. */
    apfs_delta *delta = NULL;
    apfs_change change;
    size_t n = 0;
    GOOD(apfs_delta_open(live, between, &delta, &err));
    apfs_view_free(between);
    GOOD(apfs_delta_read(delta, &change, 1, &n, &err));
    CHECK(n == 1 && change.op == APFS_OP_MODIFIED && change.before.modified_ns > change.after.modified_ns);
    apfs_delta_free(delta);
    delta = NULL;

    /* States of another checkpoint of the same disk. */
    const apfs_view *then = NULL;
    GOOD(apfs_view_open(older, &then, &err));
    CHECK(apfs_view_xid(then) < apfs_view_xid(live));
    differ(then, live, 8, BETWEEN_TO_LIVE);
    apfs_view_free(then);
    apfs_view_free(before);
    apfs_view_free(live);
}

static void history(const apfs_volume *volume) {
    const apfs_view *before = view_at(volume, "before"), *between = view_at(volume, "between"), *live = NULL;
    GOOD(apfs_view_open(volume, &live, &err));
    apfs_history *history = NULL;
    apfs_file_version versions[4];
    size_t n = 0;
    uint64_t id = 0;
    GOOD(apfs_view_find(before, STR("/Documents/Old notes.txt"), 0, &id, &err));
    GOOD(apfs_history_open(id, &history, &err));
    GOOD(apfs_history_add(history, before, &err));
    GOOD(apfs_history_add(history, between, &err));
    GOOD(apfs_history_add(history, live, &err));
    GOOD(apfs_history_versions(history, 0, versions, 4, &n, &err));
    CHECK(n == 3);
    CHECK(versions[0].exists && versions[0].states == 1 && versions[0].change.op == APFS_OP_NONE);
    CHECK(is(versions[0].path, "/Documents/Old notes.txt") && versions[0].stat.size == 33);
    CHECK(versions[1].first_state == 1 && versions[1].change.op == APFS_OP_RENAMED);
    CHECK(is(versions[1].path, "/Trash/Old notes.txt"));
    CHECK(is(versions[1].change.old_path, "/Documents/Old notes.txt"));
    CHECK(!versions[2].exists && versions[2].first_state == 2);
    apfs_history_free(history);

    GOOD(apfs_view_find(live, STR("/Documents/Haiku.txt"), 0, &id, &err));
    GOOD(apfs_history_open(id, &history, &err));
    GOOD(apfs_history_add(history, before, &err));
    GOOD(apfs_history_add(history, between, &err));
    GOOD(apfs_history_add(history, live, &err));
    GOOD(apfs_history_versions(history, 1, versions, 4, &n, &err));
    CHECK(n == 1 && versions[0].first_state == 1 && versions[0].states == 2);
    CHECK(versions[0].change.range_count == 1 && versions[0].change.xattr_count == 0);
    apfs_range range;
    apfs_xattr_change xattr;
    GOOD(apfs_history_ranges(history, 1, 0, &range, 1, &n, &err));
    CHECK(n == 1 && range.offset == 0 && range.len == 76);
    GOOD(apfs_history_xattrs(history, 1, 0, &xattr, 1, &n, &err));
    CHECK(n == 0);
    FAILS(APFS_STATUS_NOT_FOUND, "version 2", apfs_history_ranges(history, 2, 0, &range, 1, &n, &err));
    apfs_history_free(history);
    apfs_view_free(before);
    apfs_view_free(between);
    apfs_view_free(live);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    const apfs_disk *disk = NULL;
    const apfs_container *container = NULL, *older = NULL;
    const apfs_volume *volume = NULL, *then = NULL;
    GOOD(apfs_disk_open(argv[1], NULL, &disk, &err));
    GOOD(apfs_container_open(disk, 0, NULL, &container, &err));
    uint64_t checkpoints[4];
    size_t n = 0;
    GOOD(apfs_container_checkpoints(container, 0, checkpoints, 4, &n, &err));
    CHECK(n >= 2 && checkpoints[0] > checkpoints[1]);
    apfs_options options = apfs_options_default();
    options.checkpoint_xid = checkpoints[1];
    GOOD(apfs_container_open(disk, 0, &options, &older, &err));
    apfs_disk_free(disk);
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    GOOD(apfs_volume_open(older, 0, &then, &err));
    apfs_container_free(container);
    apfs_container_free(older);
    snapshots(volume);
    changes(volume, then);
    history(volume);
    apfs_volume_free(then);
    apfs_volume_free(volume);
    apfs_delta_free(NULL);
    apfs_history_free(NULL);
    puts("ok");
    return 0;
}
