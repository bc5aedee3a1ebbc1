/* What a driver answers, and how that travels from the process that asks it. */
#include "driver/answer.h"

#include <errno.h>
#include <string.h>

#include "driver/set.h"

#define ERRNO_MAX 4095

/* Ahead of the arrays, in the order of their counts. Both ends are of one build, or LAYOUT tells. */
struct head {
    uint64_t layout;
    uint64_t length; /* of the whole message */
    int result;
    struct genv_error err;
    size_t part_count, device_count, process_count, complaint_count;
};

#define LAYOUT                                                                                                         \
    ((uint64_t)sizeof(struct head) << 48 | (uint64_t)sizeof(struct driver_part) << 32 |                                \
     (uint64_t)sizeof(struct genv_device) << 16 | (uint64_t)sizeof(struct driver_process))

void answer_release(struct driver_answer *answer)
{
    free(answer->parts);
    free(answer->devices);
    free(answer->processes);
    free(answer->complaints);
    *answer = (struct driver_answer){.parts = NULL};
}

static int complain(struct driver_answer *answer, const struct genv_error *complaint)
{
    struct genv_error *grown = reallocarray(answer->complaints, answer->complaint_count + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    answer->complaints = grown;
    grown[answer->complaint_count++] = *complaint;
    return 0;
}

static int take_parts(const struct driver *driver, struct driver_answer *answer)
{
    struct driver_member members[DRIVER_MEMBERS_MAX];
    size_t count = driver_set_members(driver, answer->device_count, members);
    const struct genv_error *complaint;

    answer->parts = calloc(count, sizeof(*answer->parts));
    if (!answer->parts)
        return -ENOMEM;
    answer->part_count = count;
    for (size_t i = 0; i < count; i++) {
        copy_string(answer->parts[i].name, sizeof(answer->parts[i].name), members[i].driver->ops->name);
        copy_string(answer->parts[i].version, sizeof(answer->parts[i].version), members[i].driver->version);
        answer->parts[i].device_count = members[i].device_count;
    }
    for (size_t i = 0; (complaint = driver_set_complaint(driver, i)); i++) {
        if (complain(answer, complaint) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int take_gaps(struct driver *driver, const struct genv_device *device, struct driver_answer *answer)
{
    struct genv_error reason = {0};

    if (!driver->ops->knows_processes || driver->ops->knows_processes(driver, device))
        return 0;
    error_set(&reason, EOPNOTSUPP,
              "the driver does not report processes on device %u (as in WSL2): who uses it cannot be shown or enforced",
              device->index);
    return complain(answer, &reason);
}

/* Asks for what is wanted of a device. */
static int take_device(struct driver *driver, unsigned what, struct genv_device *device, struct driver_answer *answer)
{
    struct genv_error reason = {0};
    int r;

    if (device->state == GENV_DEVICE_OK && what & ANSWER_SAMPLES)
        driver->ops->sample(driver, device);
    if (device->state == GENV_DEVICE_OK && what & ANSWER_GAPS && take_gaps(driver, device, answer) < 0)
        return -ENOMEM;
    if (device->state != GENV_DEVICE_OK || !(what & ANSWER_PROCESSES))
        return 0;
    r = driver->ops->add_processes(driver, device, &answer->processes, &answer->process_count, &reason);
    if (r == 0 || r == -ENOMEM)
        return r;
    error_prefix(&reason, r, "cannot list the processes on device %u", device->index);
    return complain(answer, &reason);
}

int answer_take(unsigned what, struct driver **ret_driver, struct driver_answer *ret_answer, struct genv_error *err)
{
    cleanup_answer struct driver_answer answer = {.parts = NULL};
    int r = driver_open(ret_driver, err);

    if (r == 0)
        r = (*ret_driver)->ops->list(*ret_driver, &answer.devices, &answer.device_count, err);
    if (r < 0)
        return r;
    r = take_parts(*ret_driver, &answer);
    for (size_t i = 0; r == 0 && i < answer.device_count; i++)
        r = take_device(*ret_driver, what, &answer.devices[i], &answer);
    if (r < 0)
        return error_no_memory(err);
    *ret_answer = answer;
    answer = (struct driver_answer){.parts = NULL};
    return 0;
}

/* An array of none may be NULL. */
static void add_array(struct text *text, const void *array, size_t size)
{
    if (size)
        text_add_bytes(text, array, size);
}

void answer_encode(int result, const struct genv_error *err, const struct driver_answer *answer, struct text *text)
{
    struct head head = {.layout = LAYOUT, .length = sizeof(head), .result = result};

    if (result < 0) {
        head.err = *err;
        text_add_bytes(text, &head, sizeof(head));
        return;
    }
    head.part_count = answer->part_count;
    head.device_count = answer->device_count;
    head.process_count = answer->process_count;
    head.complaint_count = answer->complaint_count;
    head.length += head.part_count * sizeof(*answer->parts) + head.device_count * sizeof(*answer->devices) +
                   head.process_count * sizeof(*answer->processes) + head.complaint_count * sizeof(*answer->complaints);
    text_add_bytes(text, &head, sizeof(head));
    add_array(text, answer->parts, head.part_count * sizeof(*answer->parts));
    add_array(text, answer->devices, head.device_count * sizeof(*answer->devices));
    add_array(text, answer->processes, head.process_count * sizeof(*answer->processes));
    add_array(text, answer->complaints, head.complaint_count * sizeof(*answer->complaints));
}

bool answer_is_whole(const char *bytes, size_t length)
{
    struct head head;

    if (length < sizeof(head))
        return false;
    memcpy(&head, bytes, sizeof(head));
    return head.layout == LAYOUT && length == head.length;
}

/* Takes @count elements of @size off the front of what is left. NULL: there are not as many, or there is no memory. */
static void *take_array(const char **bytes, size_t *left, size_t count, size_t size)
{
    void *array;

    if (count > *left / size)
        return NULL;
    array = malloc(count * size + 1);
    if (!array)
        return NULL;
    memcpy(array, *bytes, count * size);
    *bytes += count * size;
    *left -= count * size;
    return array;
}

static void end_text(char *text, size_t size)
{
    text[size - 1] = '\0';
    utf8_make_printable(text);
}

/* What is neither true nor false may not be read as bool. */
static void settle_bool(bool *value)
{
    unsigned char byte;

    memcpy(&byte, value, sizeof(byte));
    *value = byte != 0;
}

static bool settle_device(struct genv_device *device)
{
    settle_bool(&device->mig);
    settle_bool(&device->unified_memory);
    end_text(device->id.vendor, sizeof(device->id.vendor));
    end_text(device->id.uuid, sizeof(device->id.uuid));
    end_text(device->id.parent, sizeof(device->id.parent));
    end_text(device->pci_bus_id, sizeof(device->pci_bus_id));
    end_text(device->name, sizeof(device->name));
    return (unsigned)device->state <= GENV_DEVICE_FAILED;
}

/* Ends all texts. Returns whether the values are of their types, and agree. */
static bool settle(struct driver_answer *answer)
{
    size_t devices = 0;

    for (size_t i = 0; i < answer->part_count; i++) {
        end_text(answer->parts[i].name, sizeof(answer->parts[i].name));
        end_text(answer->parts[i].version, sizeof(answer->parts[i].version));
        if (answer->parts[i].device_count > answer->device_count - devices)
            return false;
        devices += answer->parts[i].device_count;
    }
    for (size_t i = 0; i < answer->device_count; i++) {
        if (!settle_device(&answer->devices[i]))
            return false;
    }
    for (size_t i = 0; i < answer->process_count; i++) {
        end_text(answer->processes[i].uuid, sizeof(answer->processes[i].uuid));
        if (answer->processes[i].pid <= 0)
            return false;
    }
    for (size_t i = 0; i < answer->complaint_count; i++)
        end_text(answer->complaints[i].message, sizeof(answer->complaints[i].message));
    return devices == answer->device_count;
}

static int read_arrays(const struct head *head, const char *bytes, size_t left, struct driver_answer *answer)
{
    answer->parts = take_array(&bytes, &left, head->part_count, sizeof(*answer->parts));
    answer->devices = take_array(&bytes, &left, head->device_count, sizeof(*answer->devices));
    answer->processes = take_array(&bytes, &left, head->process_count, sizeof(*answer->processes));
    answer->complaints = take_array(&bytes, &left, head->complaint_count, sizeof(*answer->complaints));
    if (!answer->parts || !answer->devices || !answer->processes || !answer->complaints || left)
        return -EIO;
    answer->part_count = head->part_count;
    answer->device_count = head->device_count;
    answer->process_count = head->process_count;
    answer->complaint_count = head->complaint_count;
    return settle(answer) ? 0 : -EIO;
}

int answer_decode(const char *bytes, size_t length, struct driver_answer *ret_answer, struct genv_error *err)
{
    cleanup_answer struct driver_answer answer = {.parts = NULL};
    struct head head = {0};

    if (length)
        memcpy(&head, bytes, length < sizeof(head) ? length : sizeof(head));
    if (length >= sizeof(head.layout) && head.layout != LAYOUT)
        return error_set(err, ESTALE, "genv was upgraded: restart this program");
    if (length < sizeof(head) || head.length != length || head.result < -ERRNO_MAX)
        return error_set(err, EIO, "genv-driver ended unexpectedly: try again; if this persists, see dmesg");
    if (head.result < 0) {
        end_text(head.err.message, sizeof(head.err.message));
        head.err.code = -head.result;
        if (err)
            *err = head.err;
        return head.result;
    }
    if (read_arrays(&head, bytes + sizeof(head), length - sizeof(head), &answer) < 0)
        return error_set(err, EIO, "unexpected output from genv-driver: install genv again");
    *ret_answer = answer;
    answer = (struct driver_answer){.parts = NULL};
    return 0;
}
