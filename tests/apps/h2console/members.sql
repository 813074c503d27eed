create user editor password 'a-plain-password' admin;
create table MEMBERS (ID int primary key, NAME varchar(80) not null, VOICE varchar(20));
insert into MEMBERS values (1, 'Edda Holm', 'Alto'), (2, 'Bo Rask', 'Bass'), (3, 'Tilde Aas', 'Soprano');
