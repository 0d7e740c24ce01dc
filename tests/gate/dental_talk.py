"""Sentences that a dental practice hears and says, and others: none of them stands in the persona or in the gate."""

from __future__ import annotations

_ASKED = """
Can I bring my son along to my cleaning?
Do you have a slot early in the morning, before work?
My crown came off last night.
Will the X-ray be covered?
How long does a filling usually take?
Do I have to pay right after the visit?
Is doctor Lee in on Friday?
What documents do I need?
Can you send me a reminder before the visit?
I think I need a root canal.
Can you tell me whether the practice is easy to reach with a stroller?
Is there a waiting list for hygienists?
Do you take walk-ins?
It hurts when I drink something cold.
I would like to talk about getting veneers.
Could you repeat the address please?
Are you doing cleanings on Saturdays as well?
What happens at the first appointment?
Do you give students a discount?
Is there a doctor who is good with nervous patients?
"""
_TOLD = """
We're open until six in the evening today.
We have an opening this Friday at two.
A cleaning takes about forty-five minutes and the hygienist will look after you.
You can park behind the building for free.
We take most dental insurance plans.
Doctor Lee will have a look at your tooth and tell you what it needs.
Please bring your insurance card and a photo ID.
I can put you through to our front desk.
If you need to cancel, please let us know a day before.
Let me see what we have next week.
Of course, I can help you with that.
Could you tell me your last name?
Your appointment has been moved to Wednesday.
We'll send you a text message the day before.
It costs a hundred and twenty dollars.
Alright, you're all set.
Thank you for calling, have a nice day.
I'm glad to hear that it feels better.
The hygienist cleans your teeth first, and then the dentist has a look.
Could you spell your last name for me?
Has anything changed with your insurance?
Do you prefer mornings or afternoons?
That sounds painful, we can see you today.
Our practice is on the second floor, and there is an elevator.
"""
_ASKED_ELSEWHERE = """
How old is the queen of Denmark?
Can you recommend a good movie?
Who won the world cup in 2018?
Make up a story about a dragon.
What do you think about the president?
How do I bake a chocolate cake?
What's the weather going to be tomorrow?
Should I buy bitcoin now?
Tell me a riddle.
How far is the moon?
Can you help me with my math homework?
What is the meaning of life?
Which car should I buy?
Can you book me a flight to Rome?
How do I fix my washing machine?
Do you know a good pizza place?
Who painted the Mona Lisa?
How do I get a mortgage?
Which vitamins are good for my skin?
Can you explain quantum physics?
My dog is sick, what shall I do?
How do I file my taxes?
Where can I buy a gun?
What religion do you have?
Do you like football?
Translate good morning into Spanish.
My wife wants a divorce, what should I do?
How do I get rid of my belly fat?
Do you believe in ghosts?
What's the best phone to buy?
"""
_TOLD_ELSEWHERE = """
Paris is the capital of France.
The president has made some bad decisions lately.
You should mix the flour with the eggs and bake it at 180 degrees.
I think the best movie of the year is a science fiction film.
Bitcoin went up a lot and could be a good investment.
Roses are red, violets are blue.
A horse walks into a bar, and the bartender asks why the long face.
The moon is about three hundred and eighty thousand kilometers away.
To solve the equation you have to divide both sides by two.
The team from Germany won the match last night.
It will be sunny tomorrow with a little wind in the afternoon.
You could take a train to Rome, it takes four hours.
First you unplug the washing machine, then open the back.
There is a very good pizza place around the corner.
Leonardo painted it in the sixteenth century.
A mortgage with a fixed rate would be better for you.
Once upon a time there was a little dragon who lived in a cave.
The stock market opens at nine thirty.
You should call a lawyer about your divorce.
Buenos dias means good morning in Spanish.
Running three times a week helps to lose weight.
The party wants to lower taxes for families.
Python is a programming language that is easy to learn.
Black holes bend the light around them.
"""

ASKED, TOLD = _ASKED.strip().splitlines(), _TOLD.strip().splitlines()
ASKED_ELSEWHERE, TOLD_ELSEWHERE = _ASKED_ELSEWHERE.strip().splitlines(), _TOLD_ELSEWHERE.strip().splitlines()
