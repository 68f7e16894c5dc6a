// The command line's end of the control socket. Blocking, with deadlines.
#pragma once

#include <optional>
#include <string>

#include "base/fd.hpp"
#include "base/units.hpp"
#include "cli/command.hpp"
#include "control/protocol.hpp"

namespace peerhold::cli {

class Client {
 public:
  static Result<Client> connect(const std::string& path);
  // Sends the request and waits for its answer line.
  Result<Answer> ask(const Request&, Milliseconds patience = Milliseconds(15000));
  // One more line (watch), waiting for it as long as it takes. Empty: the keeper is gone.
  std::string next_line();
  // After attach: the stream, and what of it has been read already.
  int fd() const { return fd_.get(); }
  std::string take_rest() { return std::move(in_); }

 private:
  explicit Client(Fd fd) : fd_(std::move(fd)) {}
  Result<std::string> read_line(std::optional<SteadyTime> until);
  Fd fd_;
  std::string in_;
};

// One question to the keeper of `--control`. Returns ok and the answer's JSON, or complains and
// returns the exit code.
int ask_keeper(const Arguments&, const Request&, std::string& answer_json,
               Milliseconds patience = Milliseconds(15000));
// Connects, asks and keeps the connection (watch, attach); complains like ask_keeper.
int start_with_keeper(const Arguments&, const Request&, std::optional<Client>&);

// The exit code of a refusal.
int exit_of(const Answer&);

}  // namespace peerhold::cli
