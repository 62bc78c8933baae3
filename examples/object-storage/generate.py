"""Write 20,000 support tickets as batch requests, one a line: always the same ones."""

import json
import random
import sys
from collections.abc import Iterator
from typing import Any

COUNT = 20_000
INSTRUCTION = (
    "Classify the support ticket as billing, delivery, account, defect or other. "
    "Answer with that one word."
)

GREETINGS = (
    "Hello,",
    "Hi there,",
    "Good morning,",
    "Dear support team,",
    "To whom it may concern,",
    "",
)
PRODUCTS = (
    *("kettle", "desk lamp", "backpack", "keyboard", "tent", "coffee grinder", "rain jacket"),
    *("bicycle pump", "headset", "bookshelf", "sleeping bag", "toaster", "garden hose"),
    *("office chair", "water bottle", "thermometer", "projector", "suitcase", "blender", "drill"),
)
PROBLEMS = (
    # billing
    "I was charged twice for the {product} on order {order}. Please check the billing.",
    "The invoice for order {order} has the wrong billing address, and I cannot claim the {product}.",
    "A discount of {percent} percent was promised for the {product}, but billing ignored it.",
    "My refund for the {product} was announced {days} days ago. Billing has not answered since.",
    # delivery
    "The delivery of my {product} was due {days} days ago, and the tracking page is empty.",
    "Order {order} was left in the rain. The next delivery should be handed to a person.",
    "I will be away for {days} days. Can the delivery of the {product} wait until then?",
    "The delivery note of order {order} lists a {product}, but there was none in the parcel.",
    # account
    "I cannot sign in to my account since I changed the phone number {days} days ago.",
    "Please close my account and delete the data of order {order}.",
    "My account shows a {product} that I never ordered. Is somebody else using it?",
    "How do I add a second person to our account so that both of us see order {order}?",
    # defect
    "The {product} has a defect: it stopped working after {days} days.",
    "There is a crack in the {product} of order {order}, clearly a defect from the factory.",
    "The {product} gets hot and smells of plastic. I think that this defect is dangerous.",
    "A screw of the {product} is loose. Is this a known defect, and do you send spare parts?",
    # other
    "Do you also sell the {product} in green?",
    "Which {product} would you recommend for a family of {people}?",
    "I left a review of the {product} {days} days ago and cannot find it any more.",
    "Thank you for the quick help with the {product}. Your colleague in the shop was very kind.",
)
ENDINGS = (
    *("Thank you.", "Kind regards", "Please answer soon.", "I would like to know by Friday."),
    *("This is my second message about it.", "A short answer is enough.", ""),
)


def tickets(count: int = COUNT) -> Iterator[dict[str, Any]]:
    """Yield lines of the input file."""
    chosen = random.Random(20_000)  # noqa: S311 - the same tickets every time, nothing secret
    for number in range(1, count + 1):
        problem = chosen.choice(PROBLEMS).format(
            product=chosen.choice(PRODUCTS),
            order=chosen.randint(100_000, 999_999),
            percent=chosen.choice((5, 10, 15, 20)),
            days=chosen.randint(2, 30),
            people=chosen.randint(2, 6),
        )
        text = " ".join(filter(None, (chosen.choice(GREETINGS), problem, chosen.choice(ENDINGS))))
        yield {
            "key": f"ticket-{number:05}",
            "request": {
                "systemInstruction": {"parts": [{"text": INSTRUCTION}]},
                "contents": [{"role": "user", "parts": [{"text": text}]}],
                "generationConfig": {"temperature": 0},
            },
        }


if __name__ == "__main__":
    sys.stdout.writelines(json.dumps(ticket) + "\n" for ticket in tickets())
