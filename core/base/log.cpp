// Log: owns the form of a line. Called from every thread (movers log too).
#include "base/log.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/systemd.hpp"
#include "base/units.hpp"

namespace peerhold {

namespace {

struct Line {
  Level at;
  std::string_view event;
  std::initializer_list<Log::Field> fields;
  std::string_view text, lead;
};

std::string quote(std::string_view value) {
  std::string out = "\"";
  for (char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  // Backslashes are doubled before the control characters, so that reading the line back is exact.
  return escape_control(out) + '"';
}

std::string value_text(std::string_view value) {
  const bool plain = !value.empty() && value.find_first_of(" \"=\\") == std::string_view::npos &&
                     escape_control(value) == value;
  return plain ? std::string(value) : quote(value);
}

bool names_who(std::string_view key) {
  return key == "session" || key == "peer";
}

// session=edge1 peer=192.0.2.1 established -> backoff event=session-state cause=hold-expired
// text="…"
std::string as_text(const Line& line) {
  std::string out;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!out.empty()) out += ' ';
    if (!key.empty()) out.append(key) += '=';
    out += key.empty() ? escape_control(value) : value_text(value);
  };
  for (const auto& [key, value] : line.fields)
    if (names_who(key)) add(key, value);
  add("", line.lead);
  add("event", line.event);
  for (const auto& [key, value] : line.fields)
    if (!names_who(key)) add(key, value);
  if (!line.text.empty()) (out += " text=") += quote(line.text);
  return out;
}

std::string as_json(const Line& line) {
  nlohmann::ordered_json o;
  o["time"] = format_time(std::chrono::system_clock::now());
  o["level"] = to_string(line.at);
  o["event"] = line.event;
  for (const auto& [key, value] : line.fields)
    if (!value.empty()) o[std::string(key)] = value;
  if (!line.lead.empty()) o["change"] = line.lead;
  if (!line.text.empty()) o["text"] = line.text;
  return o.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

// For whoever reads stderr; the journal has a clock of its own.
std::string as_plain(const Line& line, bool timed) {
  std::string out;
  if (timed) (out = format_time(std::chrono::system_clock::now())) += ' ';
  if (line.at <= Level::warn) (out += to_string(line.at)) += ' ';
  return out += as_text(line);
}

int priority(Level level) {  // syslog(3)'s
  switch (level) {
    case Level::error:
      return 3;
    case Level::warn:
      return 4;
    case Level::info:
      return 6;
    case Level::debug:
    case Level::trace:
      return 7;
  }
  return 6;
}

bool has_room(int fd) {
  pollfd now{fd, POLLOUT, 0};
  return ::poll(&now, 1, 0) != 0;  // an error is met by write(2)
}

bool to_journal(const Line& line) {
  std::vector<std::string> entries{"MESSAGE=" + as_text(line),
                                   "PRIORITY=" + std::to_string(priority(line.at)),
                                   "SYSLOG_IDENTIFIER=peerhold"};
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    std::string entry = "PEERHOLD_";
    for (char c : key) {
      const bool letter = c >= 'a' && c <= 'z';
      const bool good = letter || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      entry += letter ? static_cast<char>(c - 'a' + 'A') : good ? c : '_';
    }
    entries.push_back((entry += '=').append(value));
  };
  add("event", line.event);
  for (const auto& [key, value] : line.fields) add(key, value);
  add("change", line.lead);
  add("text", line.text);
  return systemd::journal(entries);
}

}  // namespace

std::string_view to_string(Level level) {
  switch (level) {
    case Level::error:
      return "error";
    case Level::warn:
      return "warn";
    case Level::info:
      return "info";
    case Level::debug:
      return "debug";
    case Level::trace:
      return "trace";
  }
  return "info";
}

Log::Log(int fd, LogFormat format, Level level, bool timed)
    : fd_(fd), timed_(timed && !systemd::is_journal(fd)), format_(format), level_(level) {}

void Log::set(LogFormat format, Level level) {
  std::lock_guard lock(mutex_);
  format_ = format;
  level_ = level;
}

void Log::line(Level at, std::string_view event, std::initializer_list<Field> fields,
               std::string_view text, std::string_view lead) {
  const Line line{at, event, fields, text, lead};
  LogFormat format;
  {
    std::lock_guard lock(mutex_);
    format = format_;
  }
  if (format == LogFormat::journal && to_journal(line)) return;
  const auto render = [&](const Line& one) {
    return (format == LogFormat::json ? as_json(one) : as_plain(one, timed_)) + '\n';
  };
  const std::string out = render(line);
  std::lock_guard lock(mutex_);
  if (lost_ > 0 && has_room(fd_)) {
    const Line gap{Level::warn,
                   "log-lost",
                   {{"count", std::to_string(std::exchange(lost_, 0))}},
                   "nobody took so many lines of the log"};
    write(render(gap));
  }
  write(out);
}

// One write a line, so that lines of several processes do not mix. What the reader of the log
// cannot take is lost: the log never stops a session.
void Log::write(std::string_view line) {
  if (cut_ && has_room(fd_)) cut_ = ::write(fd_, "\n", 1) != 1;
  while (!line.empty()) {
    if (!has_room(fd_)) {
      ++lost_;
      return;
    }
    // A pipe that has room has room for so much; more would wait for its reader.
    const std::string_view piece = line.substr(0, PIPE_BUF);
    const ssize_t n = ::write(fd_, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      ++lost_;
      return;
    }
    line.remove_prefix(static_cast<std::size_t>(n));
    cut_ = !line.empty();
  }
}

}  // namespace peerhold
