// Log: one line per fact, `event=` ids from docs/operations.md. Safe from any thread.
//
// One Log belongs to one Keeper; there is no global. A line is built from key-value fields so that
// text, JSON and journald are three renderings of the same thing.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace peerhold {

enum class Level : std::uint8_t { error, warn, info, debug, trace };
enum class LogFormat : std::uint8_t { text, json, journal };

std::string_view to_string(Level);

class Log {
 public:
  using Field = std::pair<std::string_view, std::string>;

  // Writes to `fd` (not owned); `journal` needs libsystemd and falls back to text without it. Text
  // begins with the time (RFC 3339, UTC), unless the journal reads `fd`, or who does has a clock of
  // its own (`timed`).
  explicit Log(int fd = 2, LogFormat format = LogFormat::text, Level level = Level::info,
               bool timed = true);

  void set(LogFormat format, Level level);
  Level level() const { return level_; }
  bool enabled(Level at, Level own) const { return at <= own; }

  // `event` is a fixed id; `text` is for people and printed last as text="…"; values and text are
  // escaped here. Fields with an empty value are left out. `lead` is printed before event= without
  // a key ("established -> backoff"), in JSON as "change". Always writes: the caller has asked
  // enabled() with the level that counts for it (the session's own, else level()).
  void line(Level at, std::string_view event, std::initializer_list<Field> fields,
            std::string_view text, std::string_view lead = {});

 private:
  void write(std::string_view);
  std::mutex mutex_;
  int fd_;
  bool timed_;
  std::uint64_t lost_ = 0;  // lines, since the last one that was written
  bool cut_ = false;        // within a line
  LogFormat format_;
  std::atomic<Level> level_;
};

}  // namespace peerhold
