/* Lists the root directory of an image through the Rust library that was built without std. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void name_callback(const uint8_t *name, size_t len, void *context);

int apfs_proof_list_root(const uint8_t *image, size_t len, name_callback *each, void *context);

static void print_name(const uint8_t *name, size_t len, void *context) {
    FILE *out = context;
    fwrite(name, 1, len, out);
    fputc('\n', out);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s IMAGE\n", argv[0]);
        return 2;
    }
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(argv[1]);
        return 2;
    }
    long len = ftell(file);
    uint8_t *image = len > 0 ? malloc((size_t)len) : NULL;
    rewind(file);
    if (image == NULL || fread(image, 1, (size_t)len, file) != (size_t)len) {
        fprintf(stderr, "%s: cannot be read whole\n", argv[1]);
        return 2;
    }
    fclose(file);
    int count = apfs_proof_list_root(image, (size_t)len, print_name, stdout);
    free(image);
    return count < 0 ? 2 : 0;
}
