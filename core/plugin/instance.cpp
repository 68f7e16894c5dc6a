// Instance: the calls into a plugin. Used by the session's conversation alone, on the loop thread.
// What comes back is checked against the ABI (plugin.h) before anyone believes it.
#include "plugin/instance.hpp"

#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "base/cause.hpp"

namespace peerhold {

static_assert(static_cast<int>(Cause::connect_refused) == PH_CONNECT_REFUSED);
static_assert(static_cast<int>(Cause::auth_unexpected) == PH_AUTH_UNEXPECTED);
static_assert(static_cast<int>(Cause::app_unreachable) == PH_APP_UNREACHABLE);
static_assert(static_cast<int>(Cause::internal) == PH_INTERNAL);
static_assert(static_cast<int>(Level::error) == PH_LOG_ERROR);
static_assert(static_cast<int>(Level::trace) == PH_LOG_TRACE);

namespace {

constexpr Milliseconds slow{5};
constexpr std::size_t reply_room = 512;  // of command()
constexpr std::size_t first_status = 4096, largest_status = std::size_t{4} << 20;

bool is_status(std::ptrdiff_t answer) {
  return answer <= PH_OK && answer >= PH_EAGAIN;
}

}  // namespace

Instance::Instance(const Library& library, ph_instance* handle, const std::string& session,
                   Log& log)
    : library_(library), handle_(handle), session_(session), log_(log) {}

Instance::~Instance() {
  close();
}

template <class F>
auto Instance::call(const char* what, F&& callback) {
  using R = std::invoke_result_t<F>;
  const auto began = std::chrono::steady_clock::now();
  const struct Returned {
    std::forward_list<std::string>& lent;
    ~Returned() { lent.clear(); }
  } returned{lent_};
  auto threw = [&](const char* text) {
    blame(std::string(what) + "() let an exception out: " + escape_control(text) +
          "; a callback must catch its own");
  };
  auto timed = [&] {
    const auto now = std::chrono::steady_clock::now();
    if (now - began < slow || !library_.may_report(now)) return;
    const auto took = std::chrono::duration_cast<Milliseconds>(now - began);
    log_.line(Level::warn, "plugin-slow", {{"session", session_}, {"plugin", library_.name()}},
              std::string(what) + "() took " + format_duration(took) +
                  "; everything else waited for it, a callback must return within 5ms");
  };
  try {
    if constexpr (std::is_void_v<R>) {
      callback();
      timed();
      return;
    } else {
      const R answer = callback();
      timed();
      return answer;
    }
  } catch (const std::exception& e) {
    threw(e.what());
  } catch (...) {
    threw("not a std::exception");
  }
  if constexpr (!std::is_void_v<R>) return R{PH_EINVAL};
}

void Instance::blame(const std::string& text) {
  if (fault_) return;  // the first fault explains those that follow
  fault_ = std::make_unique<std::string>("plugin \"" + library_.name() + "\": " + text);
}

int Instance::judged(const char* what, int answer) {
  if (is_status(answer)) return answer;
  blame(std::string(what) + "() answered " + std::to_string(answer) + ", which is no ph_status");
  return PH_EINVAL;
}

int Instance::open(const ph_host& host, const ph_open& how) {
  const auto& p = library_.plugin();
  const int answer =
      judged("open", call("open", [&] { return p.open(&host, handle_, &how, &self_); }));
  open_ = answer == PH_OK;
  return answer;
}

void Instance::close() {
  if (!std::exchange(open_, false)) return;
  call("close", [&] { library_.plugin().close(self_); });
}

int Instance::reload(const ph_config* config) {
  const auto f = library_.plugin().reload;
  if (!f) return PH_ERESTART;
  return judged("reload", call("reload", [&] { return f(self_, config); }));
}

bool Instance::has_drain() const {
  return library_.plugin().drain != nullptr;
}

int Instance::drain(const ph_drain& why) {
  const auto f = library_.plugin().drain;
  if (!f) return PH_ENOTSUP;
  return judged("drain", call("drain", [&] { return f(self_, &why); }));
}

int Instance::on_up(ph_link link, const ph_link_info& info) {
  const auto f = library_.plugin().on_up;
  if (!f) return PH_OK;
  return judged("on_up", call("on_up", [&] { return f(self_, link, &info); }));
}

std::ptrdiff_t Instance::on_data(ph_link link, std::span<const std::uint8_t> data) {
  const auto f = library_.plugin().on_data;
  const auto n = static_cast<std::ptrdiff_t>(data.size());
  const bool clean = !fault_;
  const auto answer = call("on_data", [&] { return f(self_, link, data.data(), data.size()); });
  if (clean && fault_) return 0;
  if ((answer >= 0 && answer <= n) || is_status(answer)) return answer;
  blame("on_data() says that it consumed " + std::to_string(answer) + " of " + std::to_string(n) +
        " bytes");
  return 0;
}

void Instance::on_eof(ph_link link) {
  const auto f = library_.plugin().on_eof;
  if (f) call("on_eof", [&] { f(self_, link); });
}

void Instance::on_writable(ph_link link) {
  const auto f = library_.plugin().on_writable;
  if (f) call("on_writable", [&] { f(self_, link); });
}

void Instance::on_down(ph_link link, const ph_down& why) {
  const auto f = library_.plugin().on_down;
  if (f) call("on_down", [&] { f(self_, link, &why); });
}

void Instance::on_timer(std::uint32_t id) {
  const auto f = library_.plugin().on_timer;
  if (f) call("on_timer", [&] { f(self_, id); });
}

void Instance::on_wake() {
  const auto f = library_.plugin().on_wake;
  if (f) call("on_wake", [&] { f(self_); });
}

std::string Instance::status() {
  const auto f = library_.plugin().status;
  if (!f || !open_) return "{}";
  std::string text(first_status, '\0');
  // What it needs may grow between two calls; three are enough for anything honest.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const bool clean = !fault_;
    const auto need = call("status", [&] { return f(self_, text.data(), text.size()); });
    if ((clean && fault_) || need < 0) return "{}";
    const auto size = static_cast<std::size_t>(need);
    if (size > largest_status) break;
    if (size > text.size()) {
      text.resize(size);
      continue;
    }
    text.resize(size);
    // A plugin's slip here must cost an operator's answer, never the session: no fault.
    const auto object = nlohmann::json::parse(text, nullptr, false);
    if (!object.is_object()) break;
    return object.dump();
  }
  if (library_.may_report(std::chrono::steady_clock::now()))
    log_.line(Level::warn, "plugin-misbehaving",
              {{"session", session_}, {"plugin", library_.name()}},
              "status() gave no JSON object of at most 4MiB; {} is shown instead");
  return "{}";
}

std::optional<Instance::Report> Instance::report() {
  const auto f = library_.plugin().report;
  if (!f || !open_) return std::nullopt;
  ph_report said{};
  said.struct_size = sizeof said;
  said.hold_left_ms = said.held = -1;
  const bool clean = !fault_;
  const int answer = judged("report", call("report", [&] { return f(self_, &said); }));
  if ((clean && fault_) || answer != PH_OK) return std::nullopt;
  Report out;
  out.degraded = said.degraded != 0;
  if (said.text != nullptr) out.text = escape_control(said.text);
  out.hold_left_ms = said.hold_left_ms;
  out.held = said.held;
  return out;
}

int Instance::command(std::uint32_t what, std::int64_t ms, std::string& reply) {
  const auto f = library_.plugin().command;
  if (!f || !open_) return PH_ENOTSUP;
  char text[reply_room] = "";
  ph_command said{};
  said.struct_size = sizeof said;
  said.what = what;
  said.ms = ms;
  said.reply = text;
  said.reply_size = sizeof text;
  const int answer = judged("command", call("command", [&] { return f(self_, &said); }));
  text[sizeof text - 1] = '\0';
  reply = escape_control(text);
  return answer;
}

const char* Instance::lend(std::string text) {
  return lent_.emplace_front(std::move(text)).c_str();
}

std::string Instance::take_fault() {
  if (!fault_) return {};
  const auto fault = std::move(fault_);
  return std::move(*fault);
}

}  // namespace peerhold
