/* /proc/PID/stat, in which the name may hold anything. */
#include "fuzz.h"

#include <inttypes.h>

#include "base/proc.h"

#define REST " S 41 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 123456789 0 0\n"

/* Cut off anywhere, a line is refused or tells the same state and parent, if it is as the kernel writes it: one space
 * between two fields, and no second ')', which might become the last one. */
static void check_cuts(char *line)
{
    bool plain = !strstr(line, "  ") && strchr(line, ')') == strrchr(line, ')');
    struct proc_stat whole = {0}, cut;
    int r = proc_stat_parse(line, &whole);

    for (size_t length = strlen(line); length > 0; length--) {
        line[length - 1] = '\0';
        if (proc_stat_parse(line, &cut) == 0 && plain)
            promise(r == 0 && cut.state == whole.state && cut.parent == whole.parent);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = input_text(data, size), *line = NULL;
    struct proc_stat stat;

    proc_stat_parse(text, &stat);
    /* Whatever a process calls itself, what the kernel says behind it counts. */
    promise(asprintf(&line, "42 (%s)" REST, text) > 0);
    promise(proc_stat_parse(line, &stat) == 0);
    promise(stat.state == 'S' && stat.parent == 41 && stat.start_time == 123456789);
    if (size < 512) /* each length is tried */
        check_cuts(text);
    return 0;
}
