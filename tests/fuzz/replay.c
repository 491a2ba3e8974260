/* SPDX-License-Identifier: MIT
 * Stands in for libFuzzer's main: gives each file of the named directories to the target once.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact-size heap copy, so that a sanitizer sees any step beyond the end. */
static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
        if (f)
            fclose(f);
        return 0;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size ? size : 1);
    size_t n = data ? fread(data, 1, size, f) : 0;
    fclose(f);
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    return 1;
}

static int replay_directory(const char *path)
{
    DIR *dir = opendir(path);
    int files = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char file[4096];
        int n = snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
        if (n > 0 && (size_t)n < sizeof(file))
            files += replay_file(file);
    }
    if (dir)
        closedir(dir);
    return files;
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++)
        files += replay_directory(argv[i]);
    printf("replayed %d inputs\n", files);
    return files > 0 ? 0 : 1;
}
