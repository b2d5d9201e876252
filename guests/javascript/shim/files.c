/* The file calls that ../lib/fs.js is made of. Each gives its value, or minus the errno. */
#include "shim.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CALL(name) static JSValue name(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)

static JSValue done(JSContext *ctx, int64_t result)
{
    return JS_NewInt64(ctx, result < 0 ? -errno : result);
}

/* Runs `body` with the path in argument `index` as `path`. */
#define WITH_PATH(index, path, body)                                         \
    const char *path = argc > (index) ? JS_ToCString(ctx, argv[index]) : NULL; \
    if (!path)                                                               \
        return JS_EXCEPTION;                                                 \
    JSValue result = body;                                                   \
    JS_FreeCString(ctx, path);                                               \
    return result

static int32_t number(JSContext *ctx, int argc, JSValueConst *argv, int index)
{
    int32_t value = 0;
    if (argc > index)
        JS_ToInt32(ctx, &value, argv[index]);
    return value;
}

/* The whole file, or NULL with errno. A NUL follows it. */
static char *read_descriptor(int fd, size_t *len)
{
    struct stat stat;
    size_t cap = fstat(fd, &stat) == 0 && stat.st_size > 0 ? (size_t)stat.st_size + 1 : 4096;
    char *bytes = heap_alloc(cap);
    size_t have = 0;
    while (bytes) {
        ssize_t got = read(fd, bytes + have, cap - have - 1);
        if (got < 0) {
            heap_free(bytes);
            return NULL;
        }
        have += (size_t)got;
        if (got == 0) {
            bytes[have] = 0;
            *len = have;
            return bytes;
        }
        if (cap - have < 2) {
            cap *= 2;
            char *larger = heap_resize(bytes, cap);
            if (!larger)
                heap_free(bytes);
            bytes = larger;
        }
    }
    errno = ENOMEM;
    return NULL;
}

char *files_read(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return NULL;
    char *bytes = read_descriptor(fd, len);
    int error = errno;
    close(fd);
    errno = error;
    return bytes;
}

/* For QuickJS: another size, or none. */
static void *resize(JSRuntime *rt, void *opaque, void *bytes, size_t len)
{
    if (len > 0)
        return heap_resize(bytes, len);
    heap_free(bytes);
    return NULL;
}

/* readAll(path or descriptor) -> ArrayBuffer */
CALL(read_all)
{
    size_t len;
    char *bytes;
    if (argc > 0 && JS_IsNumber(argv[0])) {
        bytes = read_descriptor(number(ctx, argc, argv, 0), &len);
    } else {
        const char *path = argc > 0 ? JS_ToCString(ctx, argv[0]) : NULL;
        if (!path)
            return JS_EXCEPTION;
        bytes = files_read(path, &len);
        JS_FreeCString(ctx, path);
    }
    if (!bytes)
        return errno == ENOMEM ? JS_ThrowOutOfMemory(ctx) : done(ctx, -1);
    return JS_NewArrayBuffer(ctx, (uint8_t *)bytes, len, 0, resize, NULL, false);
}

/* open(path, flags, mode): flags are the letters of open(2) that JavaScript knows */
CALL(open_file)
{
    static const int MODES[] = { O_RDONLY, O_WRONLY, O_RDWR };
    int32_t access = number(ctx, argc, argv, 1), bits = number(ctx, argc, argv, 2);
    int flags = MODES[access < 0 || access > 2 ? 0 : access];
    flags |= (bits & 1 ? O_CREAT : 0) | (bits & 2 ? O_TRUNC : 0) | (bits & 4 ? O_EXCL : 0) | (bits & 8 ? O_APPEND : 0);
    WITH_PATH(0, path, done(ctx, open(path, flags, 0666)));
}

CALL(close_file)
{
    return done(ctx, close(number(ctx, argc, argv, 0)));
}

/* transfer(descriptor, bytes, offset, length, position or -1, writes) */
CALL(transfer)
{
    size_t len;
    uint8_t *bytes = argc > 1 ? JS_GetUint8Array(ctx, &len, argv[1]) : NULL;
    if (!bytes)
        return JS_EXCEPTION;
    int32_t fd = number(ctx, argc, argv, 0);
    double offset = 0, count = 0, position = -1;
    if (argc < 6 || JS_ToFloat64(ctx, &offset, argv[2]) || JS_ToFloat64(ctx, &count, argv[3]) ||
        JS_ToFloat64(ctx, &position, argv[4]))
        return JS_EXCEPTION;
    if (!(offset >= 0 && count >= 0 && offset + count <= (double)len))
        return JS_ThrowRangeError(ctx, "The range lies outside the buffer");
    bytes += (size_t)offset;
    size_t size = (size_t)count;
    if (JS_ToBool(ctx, argv[5])) {
        if (fd == 1 || fd == 2) {
            output_write(fd, (char *)bytes, size);
            return JS_NewInt64(ctx, (int64_t)size);
        }
        return done(ctx, position >= 0 ? pwrite(fd, bytes, size, (off_t)position) : write(fd, bytes, size));
    }
    return done(ctx, position >= 0 ? pread(fd, bytes, size, (off_t)position) : read(fd, bytes, size));
}

/* [type, size, mode, mtime, atime, ctime, inode, links, device] */
static JSValue stat_list(JSContext *ctx, int status, const struct stat *stat)
{
    if (status < 0)
        return done(ctx, -1);
    const char *type = S_ISREG(stat->st_mode)   ? "file"
                       : S_ISDIR(stat->st_mode) ? "directory"
                       : S_ISLNK(stat->st_mode) ? "symlink"
                                                : "other";
    JSValue list = JS_NewArray(ctx);
    if (JS_IsException(list))
        return list;
    double values[] = {
        (double)stat->st_size,
        stat->st_mode,
        (double)stat->st_mtim.tv_sec * 1e3 + (double)stat->st_mtim.tv_nsec / 1e6,
        (double)stat->st_atim.tv_sec * 1e3 + (double)stat->st_atim.tv_nsec / 1e6,
        (double)stat->st_ctim.tv_sec * 1e3 + (double)stat->st_ctim.tv_nsec / 1e6,
        (double)stat->st_ino,
        (double)stat->st_nlink,
        (double)stat->st_dev,
    };
    JS_SetPropertyUint32(ctx, list, 0, JS_NewString(ctx, type));
    for (uint32_t i = 0; i < sizeof values / sizeof *values; i++)
        JS_SetPropertyUint32(ctx, list, i + 1, JS_NewFloat64(ctx, values[i]));
    return list;
}

/* stat(path or descriptor, follows links) */
CALL(stat_file)
{
    struct stat found;
    if (argc > 0 && JS_IsNumber(argv[0]))
        return stat_list(ctx, fstat(number(ctx, argc, argv, 0), &found), &found);
    bool follows = argc > 1 && JS_ToBool(ctx, argv[1]);
    WITH_PATH(0, path, stat_list(ctx, follows ? stat(path, &found) : lstat(path, &found), &found));
}

static JSValue list_entries(JSContext *ctx, const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return done(ctx, -1);
    JSValue list = JS_NewArray(ctx);
    uint32_t count = 0;
    struct dirent *entry;
    while (!JS_IsException(list) && (entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        const char *type = entry->d_type == DT_DIR   ? "directory"
                           : entry->d_type == DT_LNK ? "symlink"
                           : entry->d_type == DT_REG ? "file"
                                                     : "other";
        JSValue name = JS_NewString(ctx, entry->d_name);
        if (JS_IsException(name) || JS_SetPropertyUint32(ctx, list, count++, name) < 0 ||
            JS_SetPropertyUint32(ctx, list, count++, JS_NewString(ctx, type)) < 0) {
            JS_FreeValue(ctx, list);
            list = JS_EXCEPTION;
        }
    }
    closedir(directory);
    return list;
}

/* list(path) -> [name, type, name, type, …] */
CALL(list_folder)
{
    WITH_PATH(0, path, list_entries(ctx, path));
}

CALL(make_folder)
{
    WITH_PATH(0, path, done(ctx, mkdir(path, 0777)));
}

CALL(remove_folder)
{
    WITH_PATH(0, path, done(ctx, rmdir(path)));
}

CALL(remove_file)
{
    WITH_PATH(0, path, done(ctx, unlink(path)));
}

static JSValue two_paths(JSContext *ctx, int argc, JSValueConst *argv, int (*call)(const char *, const char *))
{
    const char *first = argc > 1 ? JS_ToCString(ctx, argv[0]) : NULL;
    const char *second = first ? JS_ToCString(ctx, argv[1]) : NULL;
    JSValue result = second ? done(ctx, call(first, second)) : JS_EXCEPTION;
    if (second)
        JS_FreeCString(ctx, second);
    if (first)
        JS_FreeCString(ctx, first);
    return result;
}

CALL(rename_file)
{
    return two_paths(ctx, argc, argv, rename);
}

CALL(link_symbolic)
{
    return two_paths(ctx, argc, argv, symlink);
}

CALL(link_hard)
{
    return two_paths(ctx, argc, argv, link);
}

static JSValue link_target(JSContext *ctx, const char *path)
{
    char target[4096];
    ssize_t len = readlink(path, target, sizeof target);
    return len < 0 ? done(ctx, -1) : JS_NewStringLen(ctx, target, (size_t)len);
}

CALL(read_link)
{
    WITH_PATH(0, path, link_target(ctx, path));
}

/* truncate(descriptor, length) */
CALL(truncate_file)
{
    double len;
    if (argc < 2 || JS_ToFloat64(ctx, &len, argv[1]))
        return JS_EXCEPTION;
    return done(ctx, ftruncate(number(ctx, argc, argv, 0), (off_t)len));
}

/* setTimes(path, accessed, modified) in milliseconds */
CALL(set_times)
{
    struct timespec times[2];
    for (int i = 0; i < 2; i++) {
        double ms;
        if (argc < 3 || JS_ToFloat64(ctx, &ms, argv[1 + i]))
            return JS_EXCEPTION;
        times[i].tv_sec = (time_t)(ms / 1e3);
        times[i].tv_nsec = (long)((ms - (double)times[i].tv_sec * 1e3) * 1e6);
    }
    WITH_PATH(0, path, done(ctx, utimensat(AT_FDCWD, path, times, 0)));
}

CALL(sync_file)
{
    return done(ctx, fsync(number(ctx, argc, argv, 0)));
}

CALL(error_text)
{
    return JS_NewString(ctx, strerror(number(ctx, argc, argv, 0)));
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("readAll", 1, read_all),          JS_CFUNC_DEF("open", 3, open_file),
    JS_CFUNC_DEF("close", 1, close_file),          JS_CFUNC_DEF("transfer", 6, transfer),
    JS_CFUNC_DEF("stat", 2, stat_file),            JS_CFUNC_DEF("list", 1, list_folder),
    JS_CFUNC_DEF("makeFolder", 1, make_folder),    JS_CFUNC_DEF("removeFolder", 1, remove_folder),
    JS_CFUNC_DEF("removeFile", 1, remove_file),    JS_CFUNC_DEF("rename", 2, rename_file),
    JS_CFUNC_DEF("linkSymbolic", 2, link_symbolic), JS_CFUNC_DEF("linkHard", 2, link_hard),
    JS_CFUNC_DEF("readLink", 1, read_link),        JS_CFUNC_DEF("truncate", 2, truncate_file),
    JS_CFUNC_DEF("setTimes", 3, set_times),        JS_CFUNC_DEF("sync", 1, sync_file),
    JS_CFUNC_DEF("errorText", 1, error_text),
};

/* Codes that programs look for, by number: `EXXX` names differ between systems only in value. */
static const struct {
    const char *name;
    int number;
} CODES[] = {
    { "EACCES", EACCES },   { "EBADF", EBADF },         { "EBUSY", EBUSY },     { "EEXIST", EEXIST },
    { "EFBIG", EFBIG },     { "EINVAL", EINVAL },       { "EIO", EIO },         { "EISDIR", EISDIR },
    { "ELOOP", ELOOP },     { "EMFILE", EMFILE },       { "EMLINK", EMLINK },   { "ENAMETOOLONG", ENAMETOOLONG },
    { "ENFILE", ENFILE },   { "ENOENT", ENOENT },       { "ENOMEM", ENOMEM },   { "ENOSPC", ENOSPC },
    { "ENOSYS", ENOSYS },   { "ENOTDIR", ENOTDIR },     { "ENOTEMPTY", ENOTEMPTY }, { "ENOTSUP", ENOTSUP },
    { "EPERM", EPERM },     { "EPIPE", EPIPE },         { "EROFS", EROFS },     { "ESPIPE", ESPIPE },
    { "ETXTBSY", ETXTBSY }, { "EXDEV", EXDEV },         { "ENOTCAPABLE", ENOTCAPABLE }, { "EDQUOT", EDQUOT },
};

void files_install(JSContext *ctx, JSValue native)
{
    JSValue files = JS_NewObject(ctx), codes = JS_NewObject(ctx);
    JS_SetPropertyFunctionList(ctx, files, functions, sizeof functions / sizeof *functions);
    for (size_t i = 0; i < sizeof CODES / sizeof *CODES; i++)
        JS_SetPropertyUint32(ctx, codes, (uint32_t)CODES[i].number, JS_NewString(ctx, CODES[i].name));
    JS_SetPropertyStr(ctx, files, "codes", codes);
    JS_SetPropertyStr(ctx, native, "files", files);
}
