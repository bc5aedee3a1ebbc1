/* /proc/PID/stat, in which the name may hold anything. */
#include "fuzz.h"

#include <inttypes.h>

#include "base/proc.h"

#define REST " S 41 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 123456789 0 0\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size), *line = NULL;
    struct proc_stat stat;

    proc_stat_parse(text, &stat);
    /* Whatever a process calls itself, what the kernel says behind it counts. */
    promise(asprintf(&line, "42 (%s)" REST, text) > 0);
    promise(proc_stat_parse(line, &stat) == 0);
    promise(stat.state == 'S' && stat.parent == 41 && stat.start_time == 123456789);
    return 0;
}
