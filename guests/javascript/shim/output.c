/* Standard output and error. What is printed is kept until it is much, the turn ends, or the
 * program waits. Nothing here allocates: a guest that was stopped anywhere in its code can still
 * be asked to write out what it has printed. */
#include "shim.h"
#include <string.h>
#include <unistd.h>

typedef struct {
    size_t len;
    char bytes[8192];
} Stream;
static Stream streams[2];
/* Somebody follows the run: what is printed goes out line by line. */
bool output_by_lines;

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);
        if (written <= 0)
            return;
        bytes += written;
        len -= (size_t)written;
    }
}

static void flush(int fd)
{
    Stream *stream = &streams[fd - 1];
    size_t len = stream->len;
    stream->len = 0;
    if (len > 0 && len <= sizeof stream->bytes)
        write_all(fd, stream->bytes, len);
}

void output_write(int fd, const char *bytes, size_t len)
{
    Stream *stream = &streams[fd - 1];
    if (len > sizeof stream->bytes - stream->len)
        flush(fd);
    if (len > sizeof stream->bytes) {
        write_all(fd, bytes, len);
        return;
    }
    memcpy(stream->bytes + stream->len, bytes, len);
    stream->len += len;
    if (output_by_lines && memchr(bytes, '\n', len))
        flush(fd);
}

void output_flush(void)
{
    flush(1);
    flush(2);
}
