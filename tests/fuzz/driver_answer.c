/* What the process that asks the driver answers, written over or cut off anywhere: what is read keeps its promises.
 *
 * The input is an answer to be made, so that it means the same whatever the structs' sizes are: a byte that says how
 * many elements each array has, one for its kind, two for where the message is cut (counted from its end), two for
 * where it is written over, and the rest is what all of it is filled with, and written over with. */
#include "fuzz.h"

#include "base/text.h"
#include "driver/answer.h"

enum { KIND_PLAUSIBLE, KIND_NONSENSE, KIND_FAILURE };

struct input {
    const uint8_t *data;
    size_t size, next;
};

static uint8_t take_byte(struct input *input)
{
    return input->next < input->size ? input->data[input->next++] : 0;
}

/* An array of @count elements that are filled with the input, over and over. */
static void *make_array(const struct input *input, size_t count, size_t size)
{
    uint8_t *array = calloc(count + 1, size);

    promise(array);
    for (size_t i = 0; input->size && i < count * size; i++)
        array[i] = input->data[(input->next + i) % input->size];
    return array;
}

static void check_text(const char *text, size_t size)
{
    promise(memchr(text, '\0', size) && utf8_is_printable(text));
}

static void check(const struct driver_answer *answer)
{
    size_t devices = 0;

    for (size_t i = 0; i < answer->part_count; i++) {
        check_text(answer->parts[i].name, sizeof(answer->parts[i].name));
        check_text(answer->parts[i].version, sizeof(answer->parts[i].version));
        devices += answer->parts[i].device_count;
    }
    promise(devices == answer->device_count);
    for (size_t i = 0; i < answer->device_count; i++) {
        const struct genv_device *device = &answer->devices[i];

        promise(device->mig == true || device->mig == false);
        promise(device->state <= GENV_DEVICE_FAILED);
        check_text(device->id.vendor, sizeof(device->id.vendor));
        check_text(device->id.uuid, sizeof(device->id.uuid));
        check_text(device->id.parent, sizeof(device->id.parent));
        check_text(device->pci_bus_id, sizeof(device->pci_bus_id));
        check_text(device->name, sizeof(device->name));
    }
    for (size_t i = 0; i < answer->process_count; i++) {
        promise(answer->processes[i].pid > 0);
        check_text(answer->processes[i].uuid, sizeof(answer->processes[i].uuid));
    }
    for (size_t i = 0; i < answer->complaint_count; i++)
        check_text(answer->complaints[i].message, sizeof(answer->complaints[i].message));
}

/* Of @length bytes as they are, and no NUL behind them. Returns whether they are an answer. */
static bool decode(const char *data, size_t length)
{
    cleanup_answer struct driver_answer answer = {.parts = NULL};
    cleanup_free char *bytes = malloc(length + !length);
    struct genv_error err = {0};
    int r;

    promise(bytes);
    memcpy(bytes, data, length);
    r = answer_decode(bytes, length, &answer, &err);
    promise(r == 0 || (r < 0 && err.code == -r && !answer.parts && memchr(err.message, '\0', sizeof(err.message))));
    promise(r < 0 || answer_is_whole(bytes, length));
    check(&answer);
    return r == 0;
}

/* As a worker makes them: what is filled in is made to be of its type. */
static void make_plausible(struct driver_answer *answer)
{
    for (size_t i = 0; i < answer->part_count; i++)
        answer->parts[i].device_count = i ? 0 : answer->device_count;
    for (size_t i = 0; i < answer->device_count; i++)
        answer->devices[i].state &= GENV_DEVICE_FAILED;
    for (size_t i = 0; i < answer->process_count; i++)
        answer->processes[i].pid = (answer->processes[i].pid & 0xffff) + 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size, 0};
    unsigned counts = take_byte(&input), kind = take_byte(&input), cut = take_byte(&input), over = take_byte(&input);
    struct driver_answer answer = {.part_count = counts & 3,
                                   .device_count = counts >> 2 & 3,
                                   .process_count = counts >> 4 & 3,
                                   .complaint_count = counts >> 6 & 3};
    cleanup_text struct text text = TEXT_INIT;
    struct genv_error err = {0};

    cut |= (unsigned)take_byte(&input) << 8;
    over |= (unsigned)take_byte(&input) << 8;
    answer.parts = make_array(&input, answer.part_count, sizeof(*answer.parts));
    answer.devices = make_array(&input, answer.device_count, sizeof(*answer.devices));
    answer.processes = make_array(&input, answer.process_count, sizeof(*answer.processes));
    answer.complaints = make_array(&input, answer.complaint_count, sizeof(*answer.complaints));
    if (kind != KIND_NONSENSE)
        make_plausible(&answer);
    answer_encode(kind == KIND_FAILURE ? -5 : 0, &err, &answer, &text);
    promise(!text.failed);
    promise(decode(text.data, text.length) || kind != KIND_PLAUSIBLE || (answer.device_count && !answer.part_count));
    for (size_t i = input.next; i < input.size && over < text.length; i++, over++)
        text.data[over] = (char)input.data[i];
    decode(text.data, text.length - cut % (text.length + 1));
    answer_release(&answer);
    return 0;
}
