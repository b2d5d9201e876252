/* The timers: a heap by due time and age, and a table by number. */
#include "shim.h"
#include <stdlib.h>

static Timer **heap;
static size_t count, room;
/* Chains of timers whose numbers are the same modulo `buckets`, a power of two. */
static Timer **table;
static size_t buckets;
static uint64_t made;

static bool before(const Timer *a, const Timer *b)
{
    return a->due < b->due || (a->due == b->due && a->age < b->age);
}

static void put(size_t at, Timer *timer)
{
    heap[at] = timer;
    timer->place = at;
}

static void rise(size_t at, Timer *timer)
{
    for (; at > 0 && before(timer, heap[(at - 1) / 2]); at = (at - 1) / 2)
        put(at, heap[(at - 1) / 2]);
    put(at, timer);
}

static void sink(size_t at, Timer *timer)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count && before(heap[child + 1], heap[child]))
            child++;
        if (!before(heap[child], timer))
            break;
        put(at, heap[child]);
        at = child;
    }
    put(at, timer);
}

/* The number is another than that of every timer there is. */
static int32_t next_id(void)
{
    static int32_t last;
    do
        last = last == INT32_MAX ? 1 : last + 1;
    while (timers_find(last));
    return last;
}

static bool grow(void)
{
    size_t larger = room ? room * 2 : 16;
    Timer **new_heap = heap_resize(heap, larger * sizeof *heap);
    if (!new_heap)
        return false;
    heap = new_heap;
    Timer **new_table = heap_zeroed(larger, sizeof *table);
    if (!new_table)
        return false;
    for (size_t i = 0; i < count; i++) {
        Timer **chain = &new_table[(size_t)heap[i]->id & (larger - 1)];
        heap[i]->chain = *chain;
        *chain = heap[i];
    }
    heap_free(table);
    table = new_table;
    buckets = larger;
    room = larger;
    return true;
}

bool timers_add(Timer *timer)
{
    if (count == room && !grow())
        return false;
    timer->id = next_id();
    Timer **chain = &table[(size_t)timer->id & (buckets - 1)];
    timer->chain = *chain;
    *chain = timer;
    timer->age = made++;
    rise(count++, timer);
    timers_kept += timer->keeps;
    return true;
}

void timers_move(Timer *timer, double due)
{
    timer->due = due;
    timer->age = made++;
    size_t at = timer->place;
    sink(at, timer);
    rise(timer->place, timer);
}

Timer *timers_find(int32_t id)
{
    Timer *timer = buckets ? table[(size_t)id & (buckets - 1)] : NULL;
    while (timer && timer->id != id)
        timer = timer->chain;
    return timer;
}

Timer *timers_next(void)
{
    return count ? heap[0] : NULL;
}

void timers_keep(Timer *timer, bool keeps)
{
    timers_kept += keeps - timer->keeps;
    timer->keeps = keeps;
}

size_t timers_kept;

void timers_remove(Timer *timer)
{
    Timer **chain = &table[(size_t)timer->id & (buckets - 1)];
    while (*chain != timer)
        chain = &(*chain)->chain;
    *chain = timer->chain;
    timers_kept -= timer->keeps;
    Timer *last = heap[--count];
    if (last != timer) {
        sink(timer->place, last);
        rise(last->place, last);
    }
    JS_FreeValue(context, timer->callback);
    for (int i = 0; i < timer->argc; i++)
        JS_FreeValue(context, timer->argv[i]);
    heap_free(timer);
}
