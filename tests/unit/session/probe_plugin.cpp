// The probe as a plugin: see probe.hpp. Built several times, with other flags and names.
#include "probe.hpp"

#include <peerhold/plugin.h>

#ifndef PROBE_FLAGS
#define PROBE_FLAGS 0
#endif
#ifndef PROBE_MAX_FRAME
#define PROBE_MAX_FRAME 0
#endif

namespace {

constexpr ph_option options[] = {
    {.name = "tester", .help = "Where the test is.", .type = PH_STRING, .flags = PH_OPT_LIVE},
    {.name = "live",
     .help = "May change.",
     .default_value = "\"\"",
     .type = PH_STRING,
     .flags = PH_OPT_LIVE},
    {.name = "fixed", .help = "May not.", .default_value = "\"\"", .type = PH_STRING},
    {.name = "to", .help = "May be dialled.", .type = PH_ENDPOINT, .flags = PH_OPT_LIVE},
};

#ifdef PROBE_WAITS
constexpr ph_metric metrics[] = {{.name = "plain", .help = "A counter."},
                                 {.name = "by_word", .help = "With a label.", .label = "word"},
                                 {.name = "level", .help = "A gauge.", .gauge = 1}};
#endif

constexpr const char* causes[] = {
    "connect-refused", "connect-timeout", "unreachable", "auth-mismatch",
    "auth-missing",    "auth-unexpected", "peer-closed", "peer-reset",
    "hold-expired",    "notification",    "framing",     "app-unreachable",
    "user-timeout",    "admin",           "resource",    "internal"};

std::string name_of(ph_link link) {
  return link == PH_RIVAL ? "rival" : std::to_string(link);
}

ProbeInstance& of(void* self) {
  return *static_cast<ProbeInstance*>(self);
}

// One callback: written down, and watched.
struct Call : Probe::Inside {
  Call(void* self, const std::string& what) : Inside(of(self).probe, what) {
    probe.seen.push_back(what);
    if (!of(self).open) probe.breaches.push_back(what + " after close");
  }
};

void must_be_up(void* self, ph_link link, const std::string& what) {
  if (!of(self).up.contains(link))
    of(self).probe.breaches.push_back(what + " of a link that is not up");
}

int open(const ph_host* host, ph_instance* me, const ph_open* how, void** self) {
  Probe* probe = Probe::at(host->opt_str(how->config, probe_tester));
  if (probe == nullptr) return PH_EINVAL;
  probe->instances.push_back(std::unique_ptr<ProbeInstance>(
      new ProbeInstance{*probe, host, me, how->persistent == 0, true, {}, {}}));
  *self = probe->instances.back().get();
  const Call call(*self, "open");
  return probe->on_open ? probe->on_open(of(*self), *how) : int{PH_OK};
}

void close(void* self) {
  const Call call(self, "close");
  if (!of(self).up.empty()) of(self).probe.breaches.emplace_back("close while a link is up");
  of(self).open = false;
}

int on_up(void* self, ph_link link, const ph_link_info* info) {
  std::string what = "up " + name_of(link);
  if ((info->flags & PH_LINK_PROMOTED) != 0) what += " promoted";
  const Call call(self, what);
  if (!of(self).up.insert(link).second) of(self).probe.breaches.push_back(what + " twice");
  of(self).dialing.erase(link);
  if ((info->flags & PH_LINK_PROMOTED) != 0) of(self).up.erase(PH_RIVAL);
  const auto& hook = of(self).probe.on_up;
  return hook ? hook(of(self), link, *info) : int{PH_OK};
}

std::ptrdiff_t on_data(void* self, ph_link link, const std::uint8_t* data, std::size_t n) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), n);
  const Probe& probe = of(self).probe;
  const Call call(
      self, "data " + name_of(link) + (probe.keep_data ? " " + std::string(bytes) : std::string()));
  must_be_up(self, link, "data");
  return probe.on_data ? probe.on_data(of(self), link, bytes) : static_cast<std::ptrdiff_t>(n);
}

void on_eof(void* self, ph_link link) {
  const Call call(self, "eof " + name_of(link));
  must_be_up(self, link, "eof");
  if (of(self).probe.on_eof) of(self).probe.on_eof(of(self), link);
}

void on_writable(void* self, ph_link link) {
  const Call call(self, "writable " + name_of(link));
  must_be_up(self, link, "writable");
  if (of(self).probe.on_writable) of(self).probe.on_writable(of(self), link);
}

void on_down(void* self, ph_link link, const ph_down* how) {
  const Call call(self, "down " + name_of(link) + " " + causes[how->cause]);
  const bool by_core = link != PH_PEER && link != PH_RIVAL && of(self).per_client;
  if (of(self).up.erase(link) + of(self).dialing.erase(link) == 0 && !by_core)
    of(self).probe.breaches.push_back("down " + name_of(link) + " of a link that never was");
  if (of(self).probe.on_down) of(self).probe.on_down(of(self), link, *how);
}

void on_timer(void* self, std::uint32_t id) {
  const Call call(self, "timer " + std::to_string(id));
  if (of(self).probe.on_timer) of(self).probe.on_timer(of(self), id);
}

void on_wake(void* self) {
  const Call call(self, "wake");
  if (of(self).probe.on_wake) of(self).probe.on_wake(of(self));
}

int reload(void* self, const ph_config* config) {
  const Call call(self, "reload");
  return of(self).probe.on_reload ? of(self).probe.on_reload(of(self), config) : int{PH_OK};
}

#ifdef PROBE_DRAINS
int drain(void* self, const ph_drain* why) {
  static constexpr const char* reasons[] = {"down", "reset", "config", "stop", "removed"};
  const Call call(self, std::string("drain ") + reasons[why->why]);
  return of(self).probe.on_drain ? of(self).probe.on_drain(of(self), *why)
                                 : of(self).close(PH_PEER, false);
}
#endif

#ifdef PROBE_SAYS
int report(void* self, ph_report* out) {
  return of(self).probe.on_report ? of(self).probe.on_report(of(self), *out) : int{PH_OK};
}

int command(void* self, const ph_command* how) {
  static constexpr const char* words[] = {"hold", "release", "refresh"};
  const Call call(self, std::string(words[how->what]) + " " + std::to_string(how->ms));
  return of(self).probe.on_command ? of(self).probe.on_command(of(self), *how) : int{PH_OK};
}
#endif

#ifdef PROBE_PICKS
// "0…", "1…": that session; needs four bytes. Anything else is refused with "no".
int pick(const ph_host*, const ph_config* const*, std::size_t n, const std::uint8_t* data,
         std::size_t len, std::uint8_t reply[64], std::size_t* reply_len) {
  if (len < 4) return PH_EAGAIN;
  const int index = data[0] - '0';
  if (index >= 0 && static_cast<std::size_t>(index) < n) return index;
  reply[0] = 'n';
  reply[1] = 'o';
  *reply_len = 2;
  return PH_EPROTO;
}
#endif

}  // namespace

constinit const ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT,
    .name = PROBE_NAME,
    .version = "1",
    .summary = "Does what a test says.",
    .licence = "MIT",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
#ifdef PROBE_WAITS
    .metrics = metrics,
    .n_metrics = 3,
#endif
    .flags = PH_PERSISTENT | PH_PER_CLIENT | PH_APP_OPTIONAL | PROBE_FLAGS,
    .max_frame = PROBE_MAX_FRAME,
    .open = open,
    .close = close,
    .reload = reload,
#ifdef PROBE_DRAINS
    .drain = drain,
#endif
    .on_up = on_up,
    .on_data = on_data,
    .on_eof = on_eof,
    .on_writable = on_writable,
    .on_down = on_down,
    .on_timer = on_timer,
    .on_wake = on_wake,
#ifdef PROBE_PICKS
    .pick = pick,
#endif
#ifdef PROBE_SAYS
    .report = report,
    .command = command,
#endif
#ifdef PROBE_WAITS
    .pick_wait = [](const ph_host*, const ph_config* const*, std::size_t) -> std::int64_t {
      return 50;
    },
#endif
};
