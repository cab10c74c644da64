"""Chat models over the network: `ask(request) -> answer`, with limits on what that may take and cost."""

from unispect.chat.budget import BudgetExceeded, Ledger, Price, load_prices
from unispect.chat.cassette import Cassette
from unispect.chat.chat import Chat, Tally
from unispect.chat.dialect import Dialect
from unispect.chat.faults import AskError, Fault, Hopeless, Unreadable
from unispect.chat.named import Spending, chat_for, client_for, is_named
from unispect.chat.patience import Pace, Patience, Time
from unispect.chat.pictures import PictureRequest
from unispect.chat.secret import Secret
from unispect.chat.values import Answer, Client, Limits, Outcome, Reply, Request, Usage

__all__ = [
    "Answer",
    "AskError",
    "BudgetExceeded",
    "Cassette",
    "Chat",
    "Client",
    "Dialect",
    "Fault",
    "Hopeless",
    "Ledger",
    "Limits",
    "Outcome",
    "Pace",
    "Patience",
    "PictureRequest",
    "Price",
    "Reply",
    "Request",
    "Secret",
    "Spending",
    "Tally",
    "Time",
    "Unreadable",
    "Usage",
    "chat_for",
    "client_for",
    "is_named",
    "load_prices",
]
