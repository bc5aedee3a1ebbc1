/* What a driver answers, and how that travels from the process that asks it. */
#ifndef DRIVER_ANSWER_H
#define DRIVER_ANSWER_H

#include "base/text.h"
#include "driver/driver.h"

/* A driver that answered, and how many of the devices, which follow one another, are its. */
struct driver_part {
    char name[16]; /* of its driver_ops */
    char version[80];
    size_t device_count;
};

struct driver_answer {
    struct driver_part *parts;
    size_t part_count;
    struct genv_device *devices; /* all, ascending by index */
    size_t device_count;
    struct driver_process *processes; /* ANSWER_PROCESSES */
    size_t process_count;
    struct genv_error *complaints; /* what could not be told, and why; a sentence each */
    size_t complaint_count;
};

/* What is asked for, besides the list of devices. */
enum {
    ANSWER_SAMPLES = 1,
    ANSWER_PROCESSES = 2,
    ANSWER_GAPS = 4, /* complaints (EOPNOTSUPP) about what the driver never tells */
};

/* Leaves an empty one behind. */
void answer_release(struct driver_answer *answer);
#define cleanup_answer cleanup_with(answer_release)

/* Asks the driver in force, in this process. Leaves it open in @ret_driver, also on failure: closing it takes time, and
 * the process may be about to end. Fails as driver_open(). */
int answer_take(unsigned what, struct driver **ret_driver, struct driver_answer *ret_answer, struct genv_error *err);

/* Adds the message: @answer, or @err where @result, a negative errno, says that there is none. */
void answer_encode(int result, const struct genv_error *err, const struct driver_answer *answer, struct text *text);
/* Whether @bytes are a whole message, to which nothing is added. */
bool answer_is_whole(const char *bytes, size_t length);
/* Reads the message back, or fails as it says. Whatever the bytes are, since the driver's library may have written over
 * the memory that they come from, texts end and values are of their types. -EIO: it was cut off, or is nonsense;
 * -ESTALE: it is that of another version of genv. */
int answer_decode(const char *bytes, size_t length, struct driver_answer *ret_answer, struct genv_error *err);

#endif
