/* What the process that asks the driver answers, cut off anywhere or written over: all that is told is there. */
#include "fuzz.h"

#include "base/text.h"
#include "driver/survey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free struct driver_process *processes = NULL;
    cleanup_free char *bytes = malloc(size + !size); /* as long as it is, and no NUL behind it */
    struct genv_error err = {0};
    size_t count;

    promise(bytes);
    if (size)
        memcpy(bytes, data, size);
    if (driver_survey_decode(bytes, size, &processes, &count, &err) < 0) {
        promise(strlen(err.message) < sizeof(err.message) && !processes);
        return 0;
    }
    promise(count <= size / sizeof(*processes));
    for (size_t i = 0; i < count; i++)
        promise(strlen(processes[i].uuid) < sizeof(processes[i].uuid));
    return 0;
}
