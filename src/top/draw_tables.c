/* The environments, and the processes on the devices. */
#include "top/draw.h"

#include <string.h>

enum {
    ENV_COLUMN_ID,
    ENV_COLUMN_USER,
    ENV_COLUMN_NAME,
    ENV_COLUMN_GPUS,
    ENV_COLUMN_CAPACITY,
    ENV_COLUMN_MEMORY,
    ENV_COLUMN_PROCESSES,
    ENV_COLUMN_AGE,
    ENV_COLUMN_COUNT
};

static const struct column env_columns[ENV_COLUMN_COUNT] = {
    [ENV_COLUMN_ID] = {"ID", 8, 20, 0, 0, false, ENV_ID},
    [ENV_COLUMN_USER] = {"USER", 8, 16, 2, 2, false, ENV_USER},
    [ENV_COLUMN_NAME] = {"NAME", 8, 40, 2, 3, false, ENV_NAME},
    [ENV_COLUMN_GPUS] = {"GPUS", 5, 24, 2, 1, false, ENV_DEVICES},
    [ENV_COLUMN_CAPACITY] = {"CAPACITY", 8, 8, 2, 6, true, -1},
    [ENV_COLUMN_MEMORY] = {"MEMORY", 7, 7, 2, 4, true, ENV_MEMORY},
    [ENV_COLUMN_PROCESSES] = {"PROCS", 5, 5, 2, 7, true, ENV_PROCESSES},
    [ENV_COLUMN_AGE] = {"AGE", 4, 4, 2, 5, true, ENV_AGE},
};

enum {
    PROCESS_COLUMN_PID,
    PROCESS_COLUMN_USER,
    PROCESS_COLUMN_ENV,
    PROCESS_COLUMN_GPUS,
    PROCESS_COLUMN_MEMORY,
    PROCESS_COLUMN_COMMAND,
    PROCESS_COLUMN_COUNT
};

static const struct column process_columns[PROCESS_COLUMN_COUNT] = {
    [PROCESS_COLUMN_PID] = {"PID", 7, 7, 0, 0, true, PROCESS_PID},
    [PROCESS_COLUMN_USER] = {"USER", 8, 16, 2, 2, false, PROCESS_USER},
    [PROCESS_COLUMN_ENV] = {"ENVIRONMENT", 11, 32, 2, 3, false, PROCESS_ENV},
    [PROCESS_COLUMN_GPUS] = {"GPUS", 5, 16, 2, 4, false, PROCESS_DEVICES},
    [PROCESS_COLUMN_MEMORY] = {"MEMORY", 6, 6, 2, 1, true, PROCESS_MEMORY},
    [PROCESS_COLUMN_COMMAND] = {"COMMAND", 12, 1000, 2, 5, false, PROCESS_COMMAND},
};

static void put_cell(struct canvas *canvas, int row, const struct column *column, const struct span *span,
                     enum style style, const char *text)
{
    int width = frame_text_width(canvas->frame, text), indent = 0;

    if (column->right && width < span->width)
        indent = span->width - width;
    frame_put_short(canvas->frame, row, span->start + indent, span->width, style, text);
}

static void draw_titles(struct canvas *canvas, int row, const struct column *columns, const struct span *spans,
                        size_t count, int sort)
{
    for (size_t i = 0; i < count; i++)
        put_cell(canvas, row, &columns[i], &spans[i],
                 columns[i].sort >= 0 && columns[i].sort == sort ? STYLE_SORTED : STYLE_HEADING, columns[i].title);
}

/* Adds ",3" to "0,1". */
static size_t add_text(char *text, size_t size, size_t length, const char *item)
{
    int added = snprintf(text + length, size - length, "%s%s", length ? "," : "", item);

    return length + (size_t)added < size ? length + (size_t)added : size - 1;
}

static size_t add_index(char *text, size_t size, size_t length, unsigned index, const char *mark)
{
    char item[16];

    snprintf(item, sizeof(item), "%u%s", index, mark);
    return add_text(text, size, length, item);
}

static void draw_env(struct canvas *canvas, int row, const struct span *spans, const struct env_row *env)
{
    const struct genv_env *e = env->env;
    const char *cells[ENV_COLUMN_COUNT];
    char gpus[256] = "", capacity[SIZE_TEXT] = "-", memory[SIZE_TEXT], processes[SIZE_TEXT], age[SIZE_TEXT];
    bool blind = canvas->picture->blind && !canvas->rows->totals[PANE_DEVICES];
    size_t length = 0;

    for (size_t i = 0; i < e->attachment_count; i++) {
        if (e->attachments[i].index < 0) /* it cannot be seen from here */
            length = add_text(gpus, sizeof(gpus), length, "?");
        else
            length = add_index(gpus, sizeof(gpus), length, (unsigned)e->attachments[i].index, "");
    }
    if (e->attachment_count && e->attachments[0].gpu_memory)
        size_format(e->attachments[0].gpu_memory, capacity);
    else if (e->attachment_count)
        snprintf(capacity, sizeof(capacity), "whole");
    size_format(env->used_memory, memory);
    if (env->over)
        snprintf(memory + strlen(memory), sizeof(memory) - strlen(memory), "!");
    snprintf(processes, sizeof(processes), "%zu", env->process_count);
    age_format(e->created, canvas->picture->now, age);
    cells[ENV_COLUMN_ID] = e->eid;
    cells[ENV_COLUMN_USER] = env->user;
    cells[ENV_COLUMN_NAME] = e->config.name;
    cells[ENV_COLUMN_GPUS] = *gpus ? gpus : blind ? "?" : "-";
    cells[ENV_COLUMN_CAPACITY] = capacity;
    cells[ENV_COLUMN_MEMORY] = memory;
    cells[ENV_COLUMN_PROCESSES] = processes;
    cells[ENV_COLUMN_AGE] = age;
    for (size_t i = 0; i < ENV_COLUMN_COUNT; i++)
        put_cell(canvas, row, &env_columns[i], &spans[i], i == ENV_COLUMN_MEMORY && env->over ? STYLE_BAD : STYLE_PLAIN,
                 cells[i]);
}

/* Whether the process is where its environment, if it has one, allows it. */
static bool is_allowed(const struct process_row *process, const struct genv_usage *usage)
{
    return !process->env || genv_env_attachment(process->env->env, usage->uuid);
}

static void draw_process(struct canvas *canvas, int row, const struct span *spans, const struct process_row *process)
{
    const struct genv_gpu_process *p = process->process;
    const char *cells[PROCESS_COLUMN_COUNT];
    char pid[SIZE_TEXT], gpus[256] = "", memory[SIZE_TEXT];
    size_t length = 0;
    bool allowed = true;

    for (size_t i = 0; i < p->usage_count; i++) {
        bool here = is_allowed(process, &p->usages[i]);

        length = add_index(gpus, sizeof(gpus), length, p->usages[i].index, here ? "" : "!");
        allowed = allowed && here;
    }
    snprintf(pid, sizeof(pid), "%d", p->pid);
    size_format(process->used_memory, memory);
    cells[PROCESS_COLUMN_PID] = pid;
    cells[PROCESS_COLUMN_USER] = *process->user ? process->user : "?";
    cells[PROCESS_COLUMN_ENV] = !process->env                     ? "none"
                                : *process->env->env->config.name ? process->env->env->config.name
                                                                  : p->eid;
    cells[PROCESS_COLUMN_GPUS] = gpus;
    cells[PROCESS_COLUMN_MEMORY] = memory;
    cells[PROCESS_COLUMN_COMMAND] = *p->command ? p->command : "?";
    for (size_t i = 0; i < PROCESS_COLUMN_COUNT; i++) {
        bool odd = (i == PROCESS_COLUMN_ENV && !process->env) || (i == PROCESS_COLUMN_GPUS && !allowed);

        put_cell(canvas, row, &process_columns[i], &spans[i], odd ? STYLE_WARN : STYLE_PLAIN, cells[i]);
    }
}

/* The row that the keys act on. */
static void select_row(struct canvas *canvas, const struct place *place, enum pane pane, int row, size_t number)
{
    if (number == place->selected && canvas->picture->choice->focus == pane && !canvas->picture->once)
        frame_paint(canvas->frame, row, 0, canvas->frame->width, STYLE_SELECTED);
}

void draw_envs(struct canvas *canvas, const struct place *place)
{
    int row = place->row + place->title;
    struct span spans[ENV_COLUMN_COUNT];

    columns_fit(env_columns, ENV_COLUMN_COUNT, canvas->frame->width, spans);
    if (place->heading)
        draw_titles(canvas, row++, env_columns, spans, ENV_COLUMN_COUNT,
                    canvas->picture->choice->panes[PANE_ENVS].sort);
    for (int i = 0; i < place->rows && place->first + (size_t)i < canvas->rows->counts[PANE_ENVS]; i++) {
        draw_env(canvas, row + i, spans, canvas->rows->envs[place->first + (size_t)i]);
        select_row(canvas, place, PANE_ENVS, row + i, place->first + (size_t)i);
    }
}

void draw_processes(struct canvas *canvas, const struct place *place)
{
    int row = place->row + place->title;
    struct span spans[PROCESS_COLUMN_COUNT];

    columns_fit(process_columns, PROCESS_COLUMN_COUNT, canvas->frame->width, spans);
    if (place->heading)
        draw_titles(canvas, row++, process_columns, spans, PROCESS_COLUMN_COUNT,
                    canvas->picture->choice->panes[PANE_PROCESSES].sort);
    for (int i = 0; i < place->rows && place->first + (size_t)i < canvas->rows->counts[PANE_PROCESSES]; i++) {
        draw_process(canvas, row + i, spans, &canvas->rows->processes[place->first + (size_t)i]);
        select_row(canvas, place, PANE_PROCESSES, row + i, place->first + (size_t)i);
    }
}
