// peerhold/plugin.hpp - plugins in C++20: a class for the instance, and all of plugin.h around it.
//
//   class Relay {
//    public:
//     Relay(ph::Host host, const ph_open& how);          // throw ph::Error to refuse
//     std::ptrdiff_t on_data(ph_link from, ph::Bytes data);
//     void on_up(ph_link, const ph_link_info&);          // and what else you need of Glue::fill
//   };
//   constinit const ph_plugin peerhold_plugin_1 = ph::plugin<Relay>({.name = "relay", ...});
//
// Methods that the class does not have stay NULL in the descriptor. An exception that leaves one
// ends the peer link: a ph::Error with its own cause, anything else as internal. plugin.h says what
// every call means. No part of this is in the ABI: it compiles into the plugin.
#pragma once

#include <peerhold/host.hpp>

#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

namespace ph {

// Runs `f`; what it throws becomes fail() and a status. Nothing passes.
template <class R, class F>
R guarded(const Host* host, const char* what, F&& f) noexcept {
  int status = PH_EINVAL;
  auto failed = [&](ph_cause cause, const char* text) {
    char words[256];
    std::snprintf(words, sizeof words, "%s: %s", what, text);
    if (host) host->fail(cause, PH_RETRY_NORMAL, words);
  };
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      f();
      return R();
    } else {
      return static_cast<R>(f());
    }
  } catch (const Error& e) {
    status = e.status;
    if (host) host->fail(e.cause, e.retry, e.what());
  } catch (const std::bad_alloc&) {
    status = PH_ENOMEM;
    failed(PH_RESOURCE, "out of memory");
  } catch (const std::exception& e) {
    failed(PH_INTERNAL, e.what());
  } catch (...) {
    failed(PH_INTERNAL, "an exception that is no std::exception");
  }
  if constexpr (!std::is_void_v<R>) return static_cast<R>(status);
}

// The C callbacks of a class T. A method may answer void where the callback answers a status:
// PH_OK.
template <class T>
struct Glue {
  struct Box {
    Box(const ph_host* h, ph_instance* me, const ph_open& how) : host(h, me), object(host, how) {}
    Host host;
    T object;
  };
  template <class R = void, class F>
  static R in(void* self, const char* what, F&& f) noexcept {
    auto& box = *static_cast<Box*>(self);
    return guarded<R>(&box.host, what, [&] { return f(box.object); });
  }
  static std::ptrdiff_t copy(const std::string& from, void* to, std::size_t cap) {
    if (from.size() <= cap) from.copy(static_cast<char*>(to), cap);
    return static_cast<std::ptrdiff_t>(from.size());
  }

  static int open(const ph_host* h, ph_instance* me, const ph_open* how, void** self) {
    const Host host(h, me);
    return guarded<int>(&host, "open",
                        [&] { *self = std::make_unique<Box>(h, me, *how).release(); });
  }
  static void close(void* self) { delete static_cast<Box*>(self); }
  static std::ptrdiff_t on_data(void* self, ph_link link, const std::uint8_t* data, std::size_t n) {
    return in<std::ptrdiff_t>(self, "on_data", [&](T& t) { return t.on_data(link, {data, n}); });
  }

  static constexpr void fill(ph_plugin& p) {
    p.open = open;
    p.close = close;
    p.on_data = on_data;
    if constexpr (requires { &T::check; })
      p.check = [](const ph_host* h, const ph_open* o) {
        return guarded<int>(nullptr, "check", [&] { return T::check(Config(h, o->config), *o); });
      };
    if constexpr (requires { &T::reload; })
      p.reload = [](void* s, const ph_config* c) {
        return in<int>(s, "reload", [&](T& t) { return t.reload(c); });
      };
    if constexpr (requires { &T::drain; })
      p.drain = [](void* s, const ph_drain* d) {
        return in<int>(s, "drain", [&](T& t) { return t.drain(*d); });
      };
    if constexpr (requires { &T::on_up; })
      p.on_up = [](void* s, ph_link l, const ph_link_info* i) {
        return in<int>(s, "on_up", [&](T& t) { return t.on_up(l, *i); });
      };
    if constexpr (requires { &T::on_eof; })
      p.on_eof = [](void* s, ph_link l) { in(s, "on_eof", [&](T& t) { t.on_eof(l); }); };
    if constexpr (requires { &T::on_writable; })
      p.on_writable = [](void* s, ph_link l) {
        in(s, "on_writable", [&](T& t) { t.on_writable(l); });
      };
    if constexpr (requires { &T::on_down; })
      p.on_down = [](void* s, ph_link l, const ph_down* d) {
        in(s, "on_down", [&](T& t) { t.on_down(l, *d); });
      };
    if constexpr (requires { &T::on_timer; })
      p.on_timer = [](void* s, std::uint32_t i) {
        in(s, "on_timer", [&](T& t) { t.on_timer(i); });
      };
    if constexpr (requires { &T::on_wake; })
      p.on_wake = [](void* s) { in(s, "on_wake", [&](T& t) { t.on_wake(); }); };
    if constexpr (requires { &T::save; })
      p.save = [](void* s, void* buf, std::size_t cap) {
        return in<std::ptrdiff_t>(s, "save", [&](T& t) { return copy(t.save(), buf, cap); });
      };
    if constexpr (requires { &T::status; })
      p.status = [](void* s, char* buf, std::size_t cap) {
        return in<std::ptrdiff_t>(s, "status", [&](T& t) { return copy(t.status(), buf, cap); });
      };
    if constexpr (requires { &T::report; })
      p.report = [](void* s, ph_report* out) {
        return in<int>(s, "report", [&](T& t) { return t.report(*out); });
      };
    // int command(const ph_command&, std::string& reply): what is in `reply` goes to the operator
    if constexpr (requires { &T::command; })
      p.command = [](void* s, const ph_command* c) {
        std::string reply;
        const int answer = in<int>(s, "command", [&](T& t) { return t.command(*c, reply); });
        if (c->reply_size > 0) c->reply[reply.copy(c->reply, c->reply_size - 1)] = '\0';
        return answer;
      };
    // static int pick(Configs, Bytes, std::span<std::uint8_t, 64> reply, std::size_t& used)
    if constexpr (requires { &T::pick; })
      p.pick = [](const ph_host* h, const ph_config* const* sessions, std::size_t n,
                  const std::uint8_t* data, std::size_t len, std::uint8_t* reply,
                  std::size_t* used) {
        return guarded<int>(nullptr, "pick", [&] {
          return T::pick(Configs{h, {sessions, n}}, {data, len},
                         std::span<std::uint8_t, 64>(reply, 64), *used);
        });
      };
  }
};

// What a descriptor says beside its callbacks; as the members of struct ph_plugin.
struct About {
  const char *name, *version, *summary, *licence;
  std::span<const ph_option> options{};
  std::span<const ph_metric> metrics{};
  std::uint32_t flags = 0, state_version = 0, max_frame = 0, default_port = 0, default_dscp = 0;
};

template <class T>
constexpr ph_plugin plugin(const About& a) {
  ph_plugin p{};
  p.struct_size = sizeof p;
  p.option_size = sizeof(ph_option);
  p.metric_size = sizeof(ph_metric);
  p.abi_major = PH_ABI_MAJOR;
  p.abi_minor = PH_ABI_MINOR;
  p.name = a.name;
  p.version = a.version;
  p.summary = a.summary;
  p.licence = a.licence;
  p.options = a.options.data();
  p.n_options = static_cast<std::uint32_t>(a.options.size());
  p.metrics = a.metrics.data();
  p.n_metrics = static_cast<std::uint32_t>(a.metrics.size());
  p.flags = a.flags;
  p.state_version = a.state_version;
  p.max_frame = a.max_frame;
  p.default_port = a.default_port;
  p.default_dscp = a.default_dscp;
  Glue<T>::fill(p);
  return p;
}

}  // namespace ph
